"""The times that a page of the desk has proposed for a visit, and until when for no other visit.

The module does not import `appointment.models.alternatives`, which chooses the times.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from appointment.models.appointment import Appointment

PROPOSED_FOR = timedelta(minutes=15)


class ProposalQuerySet(models.QuerySet["Proposal"]):
    """The proposals that count at an instant, and the verb that stores some."""

    def live(self, at: datetime) -> "ProposalQuerySet":
        """Proposals that have not run out, of visits that are still to be rebooked."""
        to_rebook = Appointment.objects.to_rebook().order_by()
        return self.filter(until__gt=at, visit__in=to_rebook.values("pk"))

    def over(self, at: datetime) -> "ProposalQuerySet":
        """Proposals that have run out."""
        return self.filter(until__lte=at)

    def pairs(self) -> list[tuple[int, int]]:
        """Return the keys of visit and slot, of each visit the best first."""
        return list(self.order_by("visit", "rank", "pk").values_list("visit", "slot"))

    def store(self, wanted: Mapping[int, Sequence[Mapping[str, Any]]], at: datetime) -> bool:
        """Store these proposals, and let them run for PROPOSED_FOR from the instant on.

        `wanted` maps keys of visits to API rows of slots, the best first. Returns whether all are
        stored: one is not if another transaction has proposed the last place for another visit
        since the caller chose it. The unique constraints decide between two that store at once; no
        slot is locked, so that no booking waits.
        """
        until = at + PROPOSED_FOR
        places = {row["id"]: row["available"] for rows in wanted.values() for row in rows}
        pairs = {(visit, row["id"]) for visit, rows in wanted.items() for row in rows}
        with transaction.atomic():
            self.over(at).filter(Q(visit__in=wanted) | Q(slot__in=places)).delete()
            new: Any = self._new_rows(wanted, places, at)
            self.filter(visit__in=wanted, slot__in=places).update(until=until)
            for row in new:
                row.until = until
            self.bulk_create(new, ignore_conflicts=True)
            stored = self.filter(visit__in=wanted).values_list("visit", "slot")
            return pairs <= set(stored)

    def _new_rows(
        self,
        wanted: Mapping[int, Sequence[Mapping[str, Any]]],
        places: Mapping[int, int],
        at: datetime,
    ) -> "list[Proposal]":
        """Return the rows to insert, by slot: two transactions insert in the same order."""
        there = self.filter(slot__in=places)
        numbers: dict[int, set[int]] = defaultdict(set)
        for slot, number in there.values_list("slot", "number"):
            numbers[slot].add(number)
        live = set(there.live(at).values_list("visit", "slot"))
        uses = Counter(slot for _, slot in live)
        new = []
        for visit, rows in sorted(wanted.items()):
            for rank, slot in enumerate(row["id"] for row in rows):
                if (visit, slot) not in live and uses[slot] < places[slot]:
                    free = next(n for n in count() if n not in numbers[slot])
                    numbers[slot].add(free)
                    uses[slot] += 1
                    new.append(Proposal(visit=visit, slot=slot, number=free, rank=rank))
        return sorted(new, key=lambda row: (row.slot, row.number))


class Proposal(models.Model):
    """A time proposed for a visit to rebook: until then it is proposed for no other visit.

    It holds no place: anybody may book the time. It is no part of the history, and `run_due`
    deletes it when it has run out. The columns are keys without a constraint: to delete a time or a
    visit takes no statement more.
    """

    visit = models.BigIntegerField(help_text=_("Key of the visit."))
    slot = models.BigIntegerField(help_text=_("Key of the slot."))
    number = models.PositiveSmallIntegerField(
        help_text=_("Numbers the proposals of one slot, which may have several places.")
    )
    rank = models.PositiveSmallIntegerField(help_text=_("0 is the best time of the visit."))
    until = models.DateTimeField(db_index=True)

    objects = ProposalQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        default_permissions = ()  # the pages of the desk show these rows
        constraints = (
            models.UniqueConstraint(
                fields=["visit", "slot"],
                name="appointment_proposal_once_per_visit_and_slot",
                violation_error_code="proposed",
                violation_error_message=_("This time is proposed for the visit already."),
            ),
            models.UniqueConstraint(
                fields=["slot", "number"],
                name="appointment_proposal_once_per_place",
                violation_error_code="proposed",
                violation_error_message=_("This time is proposed for another visit already."),
            ),
        )

    def __str__(self) -> str:
        return f"Proposal {self.pk}"
