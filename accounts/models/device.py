"""The devices on which a user is signed in: a row beside each API token."""

from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.utils import timezone
from knox.models import AuthToken

MAX_NAME_LENGTH = 100
UNKNOWN_DEVICE = "Unknown device"
USE_RECORDED_AFTER = timedelta(hours=1)


class DeviceQuerySet(models.QuerySet["Device"]):
    """Scopes of devices."""

    def signed_in(self, user: Any, at: datetime | None = None) -> "DeviceQuerySet":
        """Return the user's devices whose token has not expired at `at`, the last used first."""
        alive = self.filter(token__user=user, token__expiry__gt=at or timezone.now())
        return alive.select_related("token").order_by("-last_used_at", "-pk")

    def record_use(self, token: AuthToken, at: datetime) -> None:
        """Set `last_used_at` of the token's device; do nothing if the token is deleted.

        This locks the device, and the caller then locks the token. A deletion locks them in the
        same order, so a use and a logout cannot deadlock. A token without a device (issued by a
        version without this table) gets one here.
        """
        if not self.filter(token=token.pk).update(last_used_at=at):
            for held in AuthToken.objects.select_for_update().filter(pk=token.pk):
                self.get_or_create(token=held, defaults={"last_used_at": at})


class Device(models.Model):
    """A signed-in device: an id for the API, a name and the last use of its API token.

    The token's own primary key is its digest, which no response may show.
    """

    # During an upgrade the previous version deletes tokens without their devices, and a constraint
    # would refuse that. No answer shows a device without a token.
    token = models.OneToOneField(
        AuthToken, on_delete=models.CASCADE, related_name="device", db_constraint=False
    )
    name = models.CharField(max_length=MAX_NAME_LENGTH, default=UNKNOWN_DEVICE)
    last_used_at = models.DateTimeField(default=timezone.now, help_text="At most an hour behind.")

    objects = DeviceQuerySet.as_manager()

    class Meta:
        ordering = ("-last_used_at", "-pk")

    def __str__(self) -> str:
        return f"Device {self.pk}"

    def revoke(self) -> None:
        """Delete its token: the device is signed out at once."""
        AuthToken.objects.filter(pk=self.token_id).delete()


def device_name(user_agent: str) -> str:
    """Return the User-Agent as one line of printable characters, at most 100."""
    line = " ".join("".join(c if c.isprintable() else " " for c in user_agent).split())
    return line[:MAX_NAME_LENGTH].strip() or UNKNOWN_DEVICE
