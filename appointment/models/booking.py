"""Book a place in a slot, move a visit to another slot, or make one scheduled again.

Each is one transaction: it locks the patient, loads the slots in question, builds the booking
context (what the booking rules need to know of the patient) and lets `Slot.take` decide. The module
does not import `Appointment`: it changes the object that it is given.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import CharField, Exists, Q, Value
from django.utils.translation import gettext

from appointment.exceptions import NotCancelable
from appointment.models.acting import (
    ADD_APPOINTMENT,
    CHANGE_PERMISSION,
    acts_as_staff,
    lock_patient_for,
)
from appointment.models.event import LIVE
from appointment.models.waitlist_status import IN_LINE, WaitlistStatus
from doctor.exceptions import (
    REFUSALS,
    AlreadyBooked,
    PatientDeceased,
    PatientOverlap,
    SlotClosed,
    SlotFull,
)
from doctor.models import Location, Slot
from doctor.models.booking_rules import REASONS, WAIVABLE, BookingContext, Span
from doctor.models.slot import PlaceLost, SlotQuerySet
from extensions.db.compiled import compiled
from extensions.db.constraints import violates
from extensions.db.retry import StaleLock
from extensions.db.transactions import after_rollback, atomic
from extensions.exceptions import DomainError
from patient.models import Patient

# The domain error for each constraint that one of two bookings at the same moment violates.
CONSTRAINT_ERRORS: dict[str, type[DomainError]] = {
    "appointment_one_live_per_patient_and_slot": AlreadyBooked,
    "appointment_no_overlap_of_one_patient": PatientOverlap,
}
REASONS_OF_OTHER_VISITS = ("already_booked", "patient_overlap")


class LiveVisit(NamedTuple):
    """A live visit of an account's person, and since when the account's address is verified."""

    pk: int
    slot: int
    starts_at: datetime
    ends_at: datetime
    location: int
    patient: int
    verified_at: datetime | None


def booking_context(
    patient: Patient,
    at: datetime,
    locations: Iterable[Location],
    window: Span,
    exclude_appointment: int | None = None,
    waive: bool = False,
) -> BookingContext:
    """Read, in one query, what the booking rules need to know of a patient at an instant (UTC).

    `window`: a start and an end that enclose the slots in question. `exclude_appointment`: key of
    the visit that is being moved, which neither overlaps a slot nor counts toward a limit; but its
    own slot counts as booked, and the account's cap is not asked, since it gains no visit. With
    `waive`, staff set aside the rules in WAIVABLE. The result stays true while the caller holds the
    locks of the user and the patient.
    """
    locations = tuple(locations)
    ends, starts = "appointments__ends_at__gt", "appointments__starts_at__lt"
    relevant = Q(**{ends: at}) | Q(**{starts: window[1], ends: window[0]})
    of_account, at_cap = _visits_of_account(patient, at, relevant)
    own = [visit for visit in of_account if visit.patient == patient.pk]
    others = [visit for visit in own if visit.pk != exclude_appointment]
    upcoming = Counter(visit.location for visit in others if visit.ends_at > at)
    at_cap = at_cap and exclude_appointment is None
    limits = ((each.pk, each.max_live_per_patient) for each in locations)
    return BookingContext(
        at,
        locations,
        booked=frozenset(visit.slot for visit in own),
        visits=tuple((visit.starts_at, visit.ends_at) for visit in others),
        at_limit=frozenset(
            pk for pk, limit in limits if at_cap or (limit is not None and upcoming[pk] >= limit)
        ),
        waived=WAIVABLE if waive else frozenset(),
        is_deceased=patient.marked_deceased_at is not None,
    )


def _visits_of_account(patient: Patient, at: datetime, relevant: Q) -> tuple[list[LiveVisit], bool]:
    """Read the `relevant` live visits of all people of the patient's account, or of the patient.

    Also returns whether the account has as many visits ahead, scheduled and not ended, as
    MAX_AHEAD_PER_ACCOUNT allows, and MAX_AHEAD_UNVERIFIED if its address is not verified. A setting
    of 0 lifts the cap. A patient without an account has none.
    """
    whose = Q(user=patient.user_id) if patient.user_id else Q(pk=patient.pk)
    visits = [LiveVisit(*row) for row in _live_visits(whose, relevant)]
    ahead = [visit for visit in visits if visit.ends_at > at]
    caps = [settings.MAX_AHEAD_PER_ACCOUNT]
    if ahead and ahead[0].verified_at is None:
        caps.append(settings.MAX_AHEAD_UNVERIFIED)
    at_cap = patient.user_id is not None and any(cap and len(ahead) >= cap for cap in caps)
    return visits, at_cap


@dataclass
class PlaceRequest:
    """The base of booking and moving: the patient of `appointment` wants a place, as of `at` (UTC).

    The lock of the patient serializes the bookings of one patient, so that the visits read into the
    booking context are current when the appointment is written. The place needs no such lock: the
    conditional UPDATE in `Slot.take` decides. `waive`: as in `booking_context`. `by`: the user who
    books or moves, set by `book` and `move`. `permission`: what staff need to act as staff.
    `waits`: whether the patient is in line for anything; only then are slots locked before a
    booking takes its place. `locked`: the slots locked so far.
    """

    appointment: Any
    at: datetime
    waive: bool = False
    permission: str = field(default=ADD_APPOINTMENT, kw_only=True)
    candidates: list[Slot] = field(default_factory=list, init=False)
    context: BookingContext = field(init=False)
    by: Any = field(default=None, init=False)
    waits: bool = field(default=False, init=False)
    locked: dict[int, Slot] = field(default_factory=dict, init=False)

    @property
    def sites(self) -> frozenset[int] | None:
        """The keys of the locations that `by` is bound to; None for all of them.

        Only staff are bound, and not as patients or as the doctor of the visit.
        """
        if self.by is None or not self.by.is_staff or not self._acts_as_staff():
            return None
        return self.by.sites

    def _acts_as_staff(self) -> bool:
        """Whether `by` acts as staff; raises PermissionDenied where only staff may `waive`."""
        return acts_as_staff(self.by, self.permission, self.appointment.patient, self.waive)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the body in one transaction; after a rollback, raise the domain error.

        It says whether `by` acted as staff. SlotFull gets its `alternatives`; an IntegrityError
        becomes the error that CONSTRAINT_ERRORS has for the constraint.
        """
        try:
            with self._named_errors():
                yield
        except DomainError as error:
            error.to_staff = self.by is not None and self._acts_as_staff()
            raise

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            with atomic():
                yield
        except PlaceLost:  # the rollback lets the next booking try, before the reason is read
            after_rollback(self._refuse_lost)
            raise
        except SlotFull as full:
            after_rollback(partial(self._add_alternatives, full.extra))
            raise
        except IntegrityError as error:
            for constraint, domain_error in CONSTRAINT_ERRORS.items():
                if violates(error, constraint):
                    raise domain_error from error
            raise

    def lock_patient_of_visit(self, refusal: type[DomainError]) -> None:
        """Lock the account and the patient of the visit, and read the visit again.

        Raises the `refusal` once the patient has been erased, and StaleLock if the visit has
        another patient by now.
        """
        visit, expected = self.appointment, self.appointment.patient_id
        with suppress(Patient.DoesNotExist):  # erased since the visit was read
            Patient.objects.lock(expected)
        visit.reload()
        if visit.patient_id is None:
            raise refusal
        if visit.patient_id != expected:
            raise StaleLock

    def load_candidates(self, wanted: Q) -> None:
        """Set `candidates` to these slots, and `context`; raises Slot.DoesNotExist without any.

        A slot at a site that the staff `by` do not see looks absent. Raises PermissionDenied if
        `by` may not `waive`.
        """
        if self.waive:
            self._acts_as_staff()
        if self.sites is not None:
            wanted &= Q(location__in=sorted(self.sites))
        self.candidates = _candidates(wanted, self.appointment.patient.pk)
        if not self.candidates:
            raise Slot.DoesNotExist
        self.waits = self.candidates[0].waits  # type: ignore[attr-defined]  # annotated
        window = (self.candidates[0].starts_at, max(slot.ends_at for slot in self.candidates))
        self.context = self._context({slot.location for slot in self.candidates}, window)

    def lock_places(self, keys: Iterable[int]) -> dict[int, Slot]:
        """Lock these slots and those offered to the patient, by primary key in one statement.

        The patient may leave the line by this booking or move, which releases an offered place.
        """
        offered = self.appointment.patient.waitlist_entries.filter(offers__status="open")
        wanted = {*keys, *offered.values_list("offers__slot", flat=True)}
        named = Slot.objects.select_related("doctor", "location")
        self.locked = {slot.pk: slot for slot in named.filter(pk__in=sorted(wanted)).lock()}
        return self.locked

    def leave_line(self, slot: Slot) -> list[Slot]:
        """End the patient's waitlist entries that the taken slot fits, as `accepted`.

        Returns the slots of their offers, whose places are free then. The caller offers them to
        others once the visit is written, so that it counts. Raises StaleLock if an entry got an
        offer of a slot that is not locked.
        """
        entries = self.appointment.patient.waitlist_entries.matching(slot)
        ending = (WaitlistStatus.ACCEPTED, self.locked.values(), self.at)
        found: list[Slot] = slot.offers.end_entries(entries, *ending)
        return found

    def _refuse_lost(self) -> None:
        """Raise why the first candidate was not to be had; SlotFull with its `alternatives`."""
        try:
            self.candidates[0].refuse(self.context)
        except DomainError as error:
            error.to_staff = self.by is not None and self._acts_as_staff()
            if isinstance(error, SlotFull):
                self._add_alternatives(error.extra)
            raise

    def _context(self, locations: Iterable[Location], window: Span) -> BookingContext:
        visit = self.appointment
        return booking_context(visit.patient, self.at, locations, window, visit.pk, self.waive)

    def _add_alternatives(self, extra: dict[str, Any]) -> None:
        """Add up to three other slots of the doctor that the patient can book, as API rows."""
        wanted = self.candidates[0]
        window = (wanted.starts_at, wanted.ends_at)
        context = self._context(_locations(), window)
        extra["alternatives"] = wanted.alternatives(context, self.sites)


@dataclass
class BookAppointment(PlaceRequest):
    """Books a new appointment: in `transaction()`, lock the patient, then call `book`.

    With `squeeze_in`, staff give the patient a place in a slot that is full, with a reason.
    """

    squeeze_in: bool = False

    def lock_named_patient(
        self,
        patient_id: int | None = None,
        override_reason: str = "",
        squeeze_in: bool = False,
        **name: Any,
    ) -> None:
        """Lock and set the patient whom `booked_by` names; see `acting.lock_patient_for`.

        With an `override_reason`, staff set rules aside for the visit.
        """
        visit, user = self.appointment, self.appointment.booked_by
        visit.override_reason, self.waive = override_reason, bool(override_reason)
        self.squeeze_in = squeeze_in
        if user.is_staff or self.waive:
            named = lock_patient_for(user, patient_id, self.permission, self.waive, **name)
            visit.patient = named
        else:
            visit.patient = Patient.objects.lock_for(user, patient_id)

    def lock_patient_of_entry(self, entry: Any) -> None:
        """Lock the account and the patient of a waitlist entry; the visit is for this patient.

        Raises StaleLock if the record was merged into another since the entry was read, and
        WaitlistEntry.DoesNotExist once the patient has been erased.
        """
        try:
            entry.patient = Patient.objects.lock(entry.patient_id)
        except Patient.DoesNotExist:
            entry.refresh_from_db(fields=["patient"])
            raise StaleLock from None
        self.appointment.patient = entry.patient

    def book(self, wanted: Q, *, earliest: bool = False) -> Any:
        """Take a place in the wanted slot, or the `earliest` of them that can be booked; save it.

        Raises Slot.DoesNotExist where there is no such slot, and the first booking rule that
        refuses it, as one of `doctor.exceptions.REFUSALS`. With `squeeze_in`, raises
        PermissionDenied for others than staff, and ValidationError without an override reason.
        """
        self.by = self.appointment.booked_by
        if self.squeeze_in:
            self._check_squeeze_in()
        self.load_candidates(wanted)
        if self.waits and not self.locked:
            self.lock_places(slot.pk for slot in self.candidates)
        slot, context = self.candidates[0], None
        if earliest:
            slot = self._take_earliest()
        elif self.squeeze_in:
            self._squeeze_into(slot)
        elif self.waits:
            slot.take(context=self.context)
        else:
            context = self.context  # nothing comes between the place and the visit: one statement
        freed = self.leave_line(slot) if self.waits else []
        self.appointment.save_booked(slot, self.at, context)
        if freed:
            slot.offers.offer_places(freed, self.at)
        return self.appointment

    def _check_squeeze_in(self) -> None:
        """Raise PermissionDenied unless `by` may act as staff, ValidationError without a reason."""
        acts_as_staff(self.by, self.permission, self.appointment.patient, override_reason=True)
        if not self.appointment.override_reason:
            missing = ValidationError(
                gettext("To squeeze a patient in, give the reason."), "required"
            )
            raise ValidationError({"override_reason": missing})

    def _squeeze_into(self, slot: Slot) -> None:
        """Take a place in the slot; if every place is taken, add one and take that.

        The slot is locked first: without the lock, a visit canceled in between would free a second
        place beside the added one, which any patient could book.
        """
        slot.lock()
        try:
            slot.take(context=self.context)
        except SlotFull:
            slot.add_place(self.by, self.appointment.override_reason, self.at)
            slot.take(context=self.context)

    def _take_earliest(self) -> Slot:
        """Take a place in the earliest candidate that the booking rules allow.

        If there is none and staff ask for it, squeeze the patient into the earliest full one.
        """
        slots = Slot.objects.filter(pk__in=[slot.pk for slot in self.candidates])
        reasons = slots.reasons(self.context)
        wanted: list[str | None] = [None, "full"] if self.squeeze_in else [None]
        possible = (s for why in wanted for s in self.candidates if reasons.get(s.pk, "") == why)
        for slot in possible:
            try:
                with transaction.atomic():  # releases the slot's lock when the take fails
                    if self.squeeze_in:
                        self._squeeze_into(slot)
                    else:
                        slot.take(context=self.context)
                return slot
            except (DomainError, Slot.DoesNotExist):
                reasons[slot.pk] = "full"  # another patient took the place since it was read
        raise self._refusal(reasons)

    def _refusal(self, reasons: dict[int, str | None]) -> DomainError:
        """Return the error for a session in which the patient can book no slot.

        PatientOverlap where only the patient's own visits are in the way of a slot. Else
        AlreadyBooked if the patient has booked a slot of the session, or the reason against a slot
        that comes last in the order of the rules. Raises Slot.DoesNotExist for a deleted session.
        """
        if not reasons:
            raise Slot.DoesNotExist  # the session was deleted since it was read
        overlapped = [pk for pk, reason in reasons.items() if reason in REASONS_OF_OTHER_VISITS]
        for_any_patient = BookingContext(
            self.at, self.context.locations, waived=self.context.waived
        )
        if Slot.objects.filter(pk__in=overlapped).bookable_in(for_any_patient).exists():
            return PatientOverlap()
        found = set(filter(None, reasons.values()))
        reason = "already_booked" if "already_booked" in found else max(found, key=REASONS.index)
        return REFUSALS[reason]()


@dataclass
class RescheduleAppointment(PlaceRequest):
    """Moves an appointment: takes a place in the new slot and releases the old one, or neither.

    The lock of the patient keeps the visit where it is, since only this class moves it. Both slots
    are then locked by primary key in one statement, so that two visits that swap their slots do
    not deadlock.
    """

    override_reason: str = ""
    permission: str = field(default=CHANGE_PERMISSION, kw_only=True)

    def move(self, to: int, by: Any = None, when_locked: Callable[[], None] | None = None) -> Any:
        """Move the visit to the slot with this key; raises as `Appointment.reschedule`.

        `when_locked` runs once both slots are locked, before a place is taken.
        """
        visit, self.by = self.appointment, by
        with self.transaction():
            self.lock_patient_of_visit(NotCancelable)
            old, new = self._lock_slots(to)
            if when_locked:
                when_locked()
            self.load_candidates(Q(pk=new.pk))
            is_public = self.candidates[0].doctor.is_active or new.pk == old.pk
            if not is_public or (self.sites is not None and old.location_id not in self.sites):
                raise Slot.DoesNotExist
            old.release()
            new.take(context=self.context)
            # First: an entry of the patient that the new slot fits gets no place that becomes free.
            freed = self.leave_line(self.candidates[0]) if self.waits else []
            old.offers.offer_places([old], self.at)
            visit.save_moved(old, new, by, self.at, self.override_reason)
            if freed:
                old.offers.offer_places(freed, self.at)
        return visit

    def leave_line(self, slot: Slot) -> list[Slot]:
        """End the entries that the new slot fits, and the offers of slots no earlier than it.

        The latter are offers to entries that replace this visit; they wait for an earlier slot.
        """
        freed, visit, locked = super().leave_line(slot), self.appointment.pk, self.locked.values()
        later = slot.offers.withdraw_not_earlier(visit, slot.starts_at, locked, self.at)
        return [*freed, *later]

    def explain(
        self, slots: SlotQuerySet, locations: Iterable[Location], window: Span, by: Any
    ) -> SlotQuerySet:
        """Annotate `reason`: why `move` by this user refuses each of the slots, or null.

        `locations` and `window` enclose the slots. A visit that cannot be moved at all gives every
        slot the code of that error. Slots at sites that the staff `by` do not see are left out.
        """
        visit, self.by = self.appointment, by
        try:
            if visit.patient is None:
                raise NotCancelable
            visit.refuse_change(self.at, as_patient=visit.acts_as_patient(by))
        except DomainError as refusal:
            code = Value(refusal.code, output_field=CharField())
            return slots.annotate(reason=code)
        if self.sites is not None:
            slots = slots.filter(location__in=self.sites)
        return slots.explained(self._context(locations, window))

    def _lock_slots(self, to: int) -> tuple[Slot, Slot]:
        """Lock and return the slot of the visit and the wanted one; read the visit again.

        Raises Slot.DoesNotExist for a wanted slot that the public does not see, and as
        `Appointment.refuse_change` for the visit.
        """
        visit, present = self.appointment, self.appointment.slot_id
        locked = self.lock_places(pk for pk in (present, to) if pk)
        visit.reload()  # it may have been canceled while this transaction waited for its slot
        as_patient = visit.acts_as_patient(self.by)
        visit.refuse_change(self.at, self.override_reason, as_patient=as_patient)
        if to not in locked:
            raise Slot.DoesNotExist
        if visit.slot_id not in locked:
            raise NotCancelable
        return locked[visit.slot_id], locked[to]


@dataclass
class RestoreAppointment(PlaceRequest):
    """Makes a visit scheduled again, where staff undo a change or the patient comes late.

    In `transaction()`, call `lock_patient_of_visit` and lock the slot of the visit. Then no other
    visit of the patient can be booked at that time.
    """

    permission: str = field(default=CHANGE_PERMISSION, kw_only=True)

    def _acts_as_staff(self) -> bool:
        """Whether `by` acts as staff of the visit's site; its doctor may be staff of another."""
        visit = self.appointment
        return acts_as_staff(self.by, self.permission, visit.patient, self.waive, visit.location_id)

    def refuse_other_visits(self) -> None:
        """Raise AlreadyBooked or PatientOverlap if the patient has another live visit then.

        Also PatientDeceased for a visit that has not begun. No reason sets these aside.
        """
        visit = self.appointment
        if visit.starts_at > self.at and visit.patient and visit.patient.is_deceased:
            raise PatientDeceased
        live = type(visit).objects.active().filter(patient=visit.patient_id)
        others = live.exclude(pk=visit.pk).overlapping(visit.starts_at, visit.ends_at)
        slots = set(others.values_list("slot", flat=True))
        if slots:
            raise AlreadyBooked if visit.slot_id in slots else PatientOverlap

    def take_place(self, slots: list[Slot], by: Any) -> None:
        """Take a place in the locked slot of a canceled visit again, by the booking rules.

        Raises SlotClosed if the slot has gone or is at another time by now. The rules that come
        before `closed` need no slot, and are checked first.
        """
        visit, self.by = self.appointment, by
        if visit.patient.is_deceased:
            raise PatientDeceased
        self.refuse_other_visits()
        if not any(visit.has_times_of(slot) for slot in slots):
            raise SlotClosed
        self.load_candidates(Q(pk=visit.slot_id))
        self.candidates[0].take(context=self.context)


@compiled
def _live_visits(whose: Q, relevant: Q) -> Any:
    """Read the LiveVisits of these patients."""
    rows = Patient.objects.filter(whose, relevant, appointments__status=LIVE).order_by()
    columns = [f"appointments__{name}" for name in LiveVisit._fields[:5]]
    return rows.values_list(*columns, "pk", "user__email_verified_at")


@compiled
def _candidates(wanted: Q, patient: int) -> Any:
    """Read the wanted slots, the earliest first, and whether the patient `waits` for anything."""
    in_line = Patient.objects.filter(pk=patient, waitlist_entries__status__in=IN_LINE)
    slots = Slot.objects.filter(wanted).annotate(waits=Exists(in_line))
    slots = slots.select_related("doctor", "location").defer("doctor__bio")
    return slots.order_by("starts_at", "pk")


@compiled
def _locations() -> Any:
    return Location.objects.all()
