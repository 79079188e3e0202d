"""The rows about people that a migration makes, and no factory."""

from django.contrib.auth.models import Group


def reception_group() -> Group:
    """Return the Reception group as its migrations made it."""
    return Group.objects.get(name="Reception")
