"""A queue of rows that several processes send, none of them twice at once.

A row is due at `due_at`. The process that claims it moves `due_at` past the end of a lease: another
one takes it only if the first has died by then. No transaction is open while a row is sent.
"""

from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

from django.db import connections, models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

LEASE = timedelta(minutes=5)  # longer than any server may take over one row
FIRST_WAIT = timedelta(minutes=1)  # after a failure; doubled with each try
LONGEST_WAIT = timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(days=1)  # where a row has no `expires_at`

Row = TypeVar("Row", bound="QueuedModel")


class QueuedQuerySet(models.QuerySet[Row]):
    """Scopes of a queue, and the claim."""

    def unsent(self) -> Self:
        """Return the rows that were neither sent nor given up."""
        return self.filter(sent_at=None, given_up_at=None)

    def due(self, at: datetime) -> Self:
        """Return the unsent rows to try now: due by the instant `at`, and not too late."""
        recent = Q(expires_at__gt=at) | Q(expires_at=None, created_at__gt=at - GIVEN_UP_AFTER)
        return self.unsent().filter(recent, due_at__lte=at)

    def too_late(self, at: datetime) -> Self:
        """Return the unsent rows that are of no use any more at the instant `at`."""
        over = Q(expires_at__lte=at) | Q(expires_at=None, created_at__lte=at - GIVEN_UP_AFTER)
        return self.unsent().filter(over)

    def claim_first(self, at: datetime, lease: timedelta = LEASE) -> Row | None:
        """Claim the first of these rows, in their order, for this process until the lease ends.

        Skips the rows that other processes are claiming. None if there is no row. `attempts` and
        `tried_at` of the row returned are those before this try. On SQLite an IMMEDIATE transaction
        serializes the claims, and locks out every other writer: it begins only if there is a row.
        """
        if connections[self.db].vendor == "sqlite" and not self.exists():
            return None
        with transaction.atomic():
            locked = self.select_for_update(no_key=True, of=("self",), skip_locked=True)
            row = locked.first()
            if row is None or not row.claim(at, lease):
                return None
        return row

    def give_up(self, at: datetime, failure: str) -> int:
        """Note that these rows will not be sent, and why; returns how many."""
        return self.update(given_up_at=at, failure=failure)


class QueuedModel(models.Model):
    """A row of a queue: when it is due, when it was tried, and how it ended."""

    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    due_at = models.DateTimeField(
        _("due at"), default=timezone.now, help_text=_("Not to be tried before.")
    )
    expires_at = models.DateTimeField(
        _("expires at"), null=True, help_text=_("Of no use from then on.")
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    tried_at = models.DateTimeField(
        _("tried at"), null=True, help_text=_("When it was last tried.")
    )
    sent_at = models.DateTimeField(_("sent at"), null=True)
    given_up_at = models.DateTimeField(_("given up at"), null=True)
    failure = models.CharField(
        _("failure"),
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text=_("Why the last try failed; without an address."),
    )

    class Meta:
        abstract = True

    def claim(self, at: datetime, lease: timedelta = LEASE) -> bool:
        """Reserve the row for this process until the lease ends; return whether that succeeded.

        `at`: the present. One UPDATE is the lock: of several processes that have read the row, one
        changes `attempts`.
        """
        rows = self._rows().due(at).filter(pk=self.pk, attempts=self.attempts)
        self._leased_until = at + lease
        return bool(rows.update(attempts=F("attempts") + 1, tried_at=at, due_at=self._leased_until))

    def claimed(self) -> Any:
        """Return the row as it was claimed; none if the lease has passed to another process."""
        return self._rows().filter(pk=self.pk, due_at=self._leased_until)

    def is_safe(self, at: datetime, seconds: float) -> bool:
        """Whether the lease lasts so many seconds more, of a process that may have stood still."""
        return at + timedelta(seconds=seconds) < self._leased_until

    def next_try(self, at: datetime) -> datetime:
        """Return when to try again after a failure at the instant `at` of the claimed row."""
        return at + min(FIRST_WAIT * 2 ** min(self.attempts, 30), LONGEST_WAIT)

    def _rows(self) -> Any:
        return type(self)._default_manager
