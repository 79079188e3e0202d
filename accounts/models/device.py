"""The devices on which a user is signed in, and those on which one was: known by their names."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from knox.models import AuthToken

MAX_NAME_LENGTH = 100
MAX_PUSH_TOKEN = 1000
UNKNOWN_DEVICE = gettext_noop("Unknown device")  # stored
MAX_KNOWN = 20  # names an account; the one not seen for longest is forgotten
USE_RECORDED_AFTER = timedelta(hours=1)


class DeviceQuerySet(models.QuerySet["Device"]):
    """Scopes of devices."""

    def signed_in(self, user: Any, at: datetime | None = None) -> "DeviceQuerySet":
        """Return the user's devices whose token has not expired at `at`, the last used first."""
        alive = self.filter(token__user=user, token__expiry__gt=at or timezone.now())
        return alive.select_related("token").order_by("-last_used_at", "-pk")

    def push_tokens(self, user: Any, at: datetime | None = None) -> tuple[str, ...]:
        """Return the push tokens of the user's devices that are signed in, the last used first."""
        with_token = self.signed_in(user, at).filter(push_token__gt="")  # nosec B106  # none
        return tuple(with_token.values_list("push_token", flat=True))

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
    last_used_at = models.DateTimeField(
        default=timezone.now, help_text=_("At most an hour behind.")
    )
    push_token = models.CharField(
        max_length=MAX_PUSH_TOKEN,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="By which the provider of push messages knows the app on the device; or empty.",
    )

    objects = DeviceQuerySet.as_manager()

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        ordering = ("-last_used_at", "-pk")
        indexes = (
            models.Index(
                fields=["push_token"],
                condition=models.Q(push_token__gt=""),  # nosec B106  # none
                name="accounts_device_push_token",
            ),
        )

    def __str__(self) -> str:
        return f"Device {self.pk}"

    @property
    def gets_push(self) -> bool:
        """Whether push messages are sent to it."""
        return bool(self.push_token)

    @transaction.atomic
    def register_push_token(self, token: str) -> None:
        """Send push messages to the app that has this token; "" ends them.

        The app has one account at a time: a device that had the token before loses it, so that no
        message of its account is shown to the next one.
        """
        devices = type(self)._default_manager
        if token:
            devices.filter(push_token=token).exclude(pk=self.pk).update(push_token="")  # nosec B106  # none
        devices.filter(pk=self.pk).update(push_token=token)
        self.push_token = token

    def revoke(self) -> None:
        """Delete its token: the device is signed out at once."""
        AuthToken.objects.filter(pk=self.token_id).delete()


class KnownDeviceQuerySet(models.QuerySet["KnownDevice"]):
    """Remembers devices."""

    def remember(self, user: Any, name: str) -> bool:
        """Remember that the device was used; return whether the account did not know its name.

        The caller holds the lock of the user.
        """
        now, known = timezone.now(), self.filter(user=user)
        if known.filter(name=name).update(last_seen_at=now):
            return False
        self.create(user=user, name=name, last_seen_at=now)
        kept = known.order_by("-last_seen_at", "-pk").values("pk")[:MAX_KNOWN]
        known.exclude(pk__in=kept).delete()
        return True


class KnownDevice(models.Model):
    """The name of a device that has signed in, with a token or to a session; it outlives both."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="known_devices",
        db_index=False,
        db_constraint=False,  # the previous version deletes accounts without these rows
    )
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    last_seen_at = models.DateTimeField(help_text=_("When it last signed in."))

    objects = KnownDeviceQuerySet.as_manager()

    class Meta:
        verbose_name = _("known device")
        verbose_name_plural = _("known devices")
        constraints = (
            models.UniqueConstraint(
                fields=["user", "name"],
                name="accounts_knowndevice_unique",
                violation_error_code="unique",
                violation_error_message=_("The account knows this device."),
            ),
        )

    def __str__(self) -> str:
        return f"Known device {self.pk}"


def device_name(user_agent: str) -> str:
    """Return the User-Agent as one line of printable characters, at most 100."""
    line = " ".join("".join(c if c.isprintable() else " " for c in user_agent).split())
    return line[:MAX_NAME_LENGTH].strip() or UNKNOWN_DEVICE
