"""People whom a migration, not a factory, provides for."""

from django.contrib.auth.models import Group


def reception_group() -> Group:
    """Return the Reception group as its migrations made it."""
    return Group.objects.get(name="Reception")
