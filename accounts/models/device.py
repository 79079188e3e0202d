"""What a person sees of the tokens that they are signed in with."""

from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.utils import timezone
from knox.models import AuthToken

NAME = 100
NAMELESS = "Unknown device"
NOTED_AFTER = timedelta(hours=1)


class DeviceQuerySet(models.QuerySet["Device"]):
    """Scopes of devices."""

    def signed_in(self, user: Any, at: datetime | None = None) -> "DeviceQuerySet":
        """The user's, with a token that has not expired; the last used first."""
        alive = self.filter(token__user=user, token__expiry__gt=at or timezone.now())
        return alive.select_related("token").order_by("-last_used_at", "-pk")

    def note_use(self, token: AuthToken, at: datetime) -> None:
        """Write down when the token was used. Locks its row, unless the token is gone.

        The device comes before its token, as in a deletion, so that a use and a logout that meet
        do not wait for each other. A token of code older than this table gets its row here.
        """
        if not self.filter(token=token.pk).update(last_used_at=at):
            for held in AuthToken.objects.select_for_update().filter(pk=token.pk):
                self.get_or_create(token=held, defaults={"last_used_at": at})


class Device(models.Model):
    """The companion of a token: a number to revoke it by, a name, when it was last used.

    The token itself has only its digest for a key, which is nobody's to see.
    """

    # Code older than this table ends tokens beside ours, and a constraint would not let it: a row
    # that it leaves behind has no token, so that nobody sees it.
    token = models.OneToOneField(
        AuthToken, on_delete=models.CASCADE, related_name="device", db_constraint=False
    )
    name = models.CharField(max_length=NAME, default=NAMELESS)
    last_used_at = models.DateTimeField(default=timezone.now, help_text="At most an hour behind.")

    objects = DeviceQuerySet.as_manager()

    class Meta:
        ordering = ("-last_used_at", "-pk")

    def __str__(self) -> str:
        return f"Device {self.pk}"

    def revoke(self) -> None:
        """End its token at once."""
        AuthToken.objects.filter(pk=self.token_id).delete()


def device_name(user_agent: str) -> str:
    """What a client calls itself, as one short line of printable characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in user_agent).split())
    return line[:NAME].strip() or NAMELESS
