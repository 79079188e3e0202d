"""By which channels the owner of an account gets each kind of message."""

from collections.abc import Mapping
from typing import Any, Self

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from accounts.messages import CHANNELS, DEFAULT_CHANNELS, chosen_kinds
from extensions.db.locks import lock_rows

Choices = dict[str, dict[str, bool]]  # by kind and channel


class NotificationChoiceQuerySet(models.QuerySet["NotificationChoice"]):
    """Reads and writes the choices of an account."""

    def of(self, user: Any) -> Choices:
        """Return whether the account gets each kind that can be chosen by each channel."""
        found = {name: dict(DEFAULT_CHANNELS) for name in chosen_kinds()}
        for row in self.filter(user=user, kind__in=found):
            found[row.kind] = {channel: getattr(row, channel) for channel in CHANNELS}
        return found

    def channels_of(self, user: Any, kind: str) -> list[str]:
        """Return the channels by which the account gets this kind."""
        return [channel for channel, is_on in self.of(user)[kind].items() if is_on]

    def unwanted(self, kind: str) -> Self:
        """Return the choices of the accounts that get no message of this kind."""
        return self.filter(kind=kind, **dict.fromkeys(CHANNELS, False))

    @transaction.atomic
    def choose(self, user: Any, changes: Mapping[str, Mapping[str, bool]]) -> Choices:
        """Change these choices of the account, and no other; return all of them.

        Locks the account, so that two calls at once do not write one kind twice.
        """
        lock_rows(type(user)._default_manager.filter(pk=user.pk))
        before = self.of(user)
        rows = [
            self.model(user=user, kind=kind, **{**before[kind], **channels})
            for kind, channels in changes.items()
        ]
        self.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["user", "kind"],
            update_fields=CHANNELS,
        )
        return self.of(user)


class NotificationChoice(models.Model):
    """The channels of one kind of message, for an account that has changed them."""

    # During an upgrade the previous version deletes accounts without these rows, and a constraint
    # would refuse that.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="notification_choices",
        db_index=False,
        db_constraint=False,
    )
    kind = models.CharField(max_length=32)
    email = models.BooleanField()
    sms = models.BooleanField()
    push = models.BooleanField()

    objects = NotificationChoiceQuerySet.as_manager()

    class Meta:
        verbose_name = _("notification choice")
        verbose_name_plural = _("notification choices")
        constraints = (
            models.UniqueConstraint(
                fields=["user", "kind"],
                name="accounts_notificationchoice_unique",
                violation_error_code="unique",
                violation_error_message="The account has chosen this already.",
            ),
        )

    def __str__(self) -> str:
        return f"Choice {self.pk}, {self.kind}"
