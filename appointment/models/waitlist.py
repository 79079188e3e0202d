"""The waitlist: entries of patients who wait for a slot.

Entries are in line in the order of their keys. Which of them gets an offer is decided in
`appointment.models.eligibility`. Offers, which hold a place for an entry, are in
`appointment.models.offer`; this module reaches them by the relations `entry.offers` and
`slot.offers`.
"""

from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Case, Count, Exists, F, OuterRef, Q, Subquery, When
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEvent, User
from appointment.exceptions import AlreadyWaiting, NoOpenOffer, PlaceAvailable, TooManyEntries
from appointment.models.acting import acts_as_staff, lock_patient_for
from appointment.models.appointment import Appointment
from appointment.models.booking import BookAppointment, RescheduleAppointment, booking_context
from appointment.models.eligibility import EligibilityQuerySet, visit_stands
from appointment.models.event import LIVE
from appointment.models.waitlist_matching import WaitlistCriteria
from appointment.models.waitlist_status import IN_LINE, WaitlistStatus
from doctor.exceptions import PatientDeceased
from doctor.models import Doctor, Location, Slot, Specialty
from doctor.models.directory import earliest_today
from doctor.wall_time import MIDNIGHT, earliest_date
from extensions.db.locks import lock_rows
from extensions.db.retry import StaleLock, retry_on_stale_lock
from extensions.exceptions import DomainError
from patient.models import Patient

Action = AuditEvent.Action
ADD_ENTRY = "appointment.add_waitlistentry"
CHANGE_ENTRY = "appointment.change_waitlistentry"
DELETE_ENTRY = "appointment.delete_waitlistentry"
VIEW_ENTRY = "appointment.view_waitlistentry"
MAX_ENTRIES = 10  # in line, of one account or of a patient without one
NOTHING_EARLIER = _(
    "The patient can no longer move this visit, so the patient cannot wait for an earlier time. "
    "Staff can move the visit itself, with a reason (override reason)."
)


class WaitlistEntryQuerySet(EligibilityQuerySet["WaitlistEntry"]):
    """Scopes and locks of entries."""

    # --- By status and person ---

    def visible_to(self, user: Any) -> "WaitlistEntryQuerySet":
        """Entries of the user and of the user's dependents."""
        return self.filter(patient__user=user)

    def concerning(self, user: Any) -> "WaitlistEntryQuerySet":
        """Entries of the user and dependents and, for staff with a permission, at their sites.

        Every permission but the one to add will do: staff who may accept, decline or delete an
        entry may read it.
        """
        if not any(map(user.is_staff_with, (VIEW_ENTRY, CHANGE_ENTRY, DELETE_ENTRY))):
            return self.visible_to(user)
        if user.sites is None:
            return self
        here = self.model.objects.at_sites_of(user)
        return self.filter(Q(patient__user=user) | Q(pk__in=here.values("pk")))

    def at_sites_of(self, user: Any, at: datetime | None = None) -> "WaitlistEntryQuerySet":
        """Entries that the sites of this member of staff may serve; all, if not restricted.

        They are in line for a doctor who works at one of the sites, or for a specialty of one.
        """
        if user.sites is None:
            return self
        at = at or timezone.now()
        doctors = Doctor.objects.at_sites_of(user, at)
        return self.in_line(earliest_date(at)).for_doctors(doctors)

    def for_a_doctor_of(self, user: Any, at: datetime | None = None) -> "WaitlistEntryQuerySet":
        """Entries in line for a doctor who works at one of the sites of this member of staff."""
        at = at or timezone.now()
        doctors = Doctor.objects.at_sites_of(user, at)
        return self.in_line(earliest_date(at)).filter(doctor__in=doctors)

    def in_line(self, today: date) -> "WaitlistEntryQuerySet":
        """Entries that wait or are offered a place, and have not expired.

        The last date has not passed, and a visit that the entry replaces is scheduled.
        """
        return self.filter(visit_stands(), status__in=IN_LINE, last_date__gte=today)

    def past_last_date(self, today: date) -> "WaitlistEntryQuerySet":
        """Waiting entries whose last date has passed."""
        return self.waiting().filter(last_date__lt=today)

    # --- Locks ---

    def lock(self) -> "list[WaitlistEntry]":
        """Lock these entries, by primary key, in one statement. Callers lock their slots first."""
        return lock_rows(self)

    # --- Verb and display ---

    def join_for(
        self,
        user: User,
        patient_id: int | None = None,
        last_name: str = "",
        date_of_birth: date | None = None,
        **criteria: Any,
    ) -> "WaitlistEntry":
        """Join for the user, a dependent, or a patient of staff; raises as `WaitlistEntry.join`.

        A user without a profile (the user's own Patient) gets one. `last_name`, `date_of_birth`: by
        these, staff of a site name a patient who has nothing there. Raises Patient.DoesNotExist for
        any other patient.
        """
        named: Any = {"last_name": last_name, "date_of_birth": date_of_birth}
        return self.model(**criteria).join(user=user, patient_id=patient_id, **named)

    def with_position(self, today: date) -> "WaitlistEntryQuerySet":
        """Annotate `position`: the place in line, from 1; null for an entry that is not in line.

        It counts entries for the same doctor or specialty whose dates overlap those of the entry.
        """
        entries = self.model.objects.in_line(today)
        in_line = Q(status__in=IN_LINE, last_date__gte=today) & visit_stands()
        position = Case(
            When(in_line, doctor__isnull=False, then=_number_up_to(entries, "doctor")),
            When(in_line, specialty__isnull=False, then=_number_up_to(entries, "specialty")),
            default=None,
        )
        return self.annotate(position=position)


def _number_up_to(entries: WaitlistEntryQuerySet, same: str) -> Subquery:
    """Return a subquery that counts these entries up to the outer one, which is counted too.

    Those with the same doctor or specialty (`same` names the column) and overlapping dates.
    """
    dates = {"first_date__lte": OuterRef("last_date"), "last_date__gte": OuterRef("first_date")}
    ahead = entries.filter(**{same: OuterRef(same)}, pk__lte=OuterRef("pk"), **dates)
    return Subquery(ahead.order_by().values(same).annotate(n=Count("pk")).values("n"))


def today_everywhere(at: datetime) -> date:
    """Return the earliest local date of all locations: days before it are over everywhere."""
    return earliest_today(list(Location.objects.all()), at)


class WaitlistEntry(models.Model):
    """A patient waits for a doctor or a specialty, from one date to another."""

    patient = models.ForeignKey(
        Patient, models.PROTECT, "waitlist_entries", db_index=False, verbose_name=_("patient")
    )
    doctor = models.ForeignKey(
        Doctor,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="waitlist_entries",
        db_index=False,
        verbose_name=_("doctor"),
    )
    specialty = models.ForeignKey(
        Specialty,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="waitlist_entries",
        db_index=False,
        verbose_name=_("specialty"),
    )
    replaces = models.ForeignKey(
        Appointment,
        on_delete=models.DO_NOTHING,  # the entry ends first, and keeps the key
        null=True,
        blank=True,
        db_constraint=False,  # the previous release deletes visits without knowing this column
        db_index=False,
        related_name="replacing_entries",
        help_text=_("A visit of the patient: accepting an offer moves it. Only earlier times fit."),
        verbose_name=_("replaces"),
    )
    first_date = models.DateField(_("first date"), help_text=_("At the location of the visit."))
    last_date = models.DateField(_("last date"), help_text=_("At the location of the visit."))
    weekday_bits = models.PositiveSmallIntegerField(
        default=0, help_text="Bit n is weekday n, 0 is Monday; no bit is any day."
    )
    start_time = models.TimeField(
        _("start time"),
        null=True,
        blank=True,
        help_text=_("Not earlier, on the clocks of the location."),
    )
    end_time = models.TimeField(
        _("end time"),
        null=True,
        blank=True,
        help_text=_("Latest end, on the clocks of the location; 00:00 is midnight after that day."),
    )
    status = models.CharField(
        max_length=8, choices=WaitlistStatus, default=WaitlistStatus.WAITING, editable=False
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    objects = WaitlistEntryQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        verbose_name = _("waitlist entry")
        verbose_name_plural = _("waitlist entries")
        indexes = (
            models.Index(
                fields=["doctor", "id"],
                condition=Q(status__in=("waiting", "offered")),
                name="appointment_line_of_doctor",
            ),
            models.Index(
                fields=["specialty", "id"],
                condition=Q(status__in=("waiting", "offered")),
                name="appointment_line_of_specialty",
            ),
            models.Index(fields=["patient", "id"], name="appointment_waits_of_patient"),
            models.Index(
                fields=["replaces"],
                condition=Q(replaces__isnull=False),
                name="appointment_waits_to_replace",
            ),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(doctor__isnull=False, specialty__isnull=True)
                | Q(doctor__isnull=True, specialty__isnull=False),
                name="appointment_waitlist_doctor_or_specialty",
                violation_error_code="doctor_or_specialty",
                violation_error_message=_("Give either a doctor or a specialty."),
            ),
            models.CheckConstraint(
                condition=Q(last_date__gte=F("first_date")),
                name="appointment_waitlist_dates",
                violation_error_code="date_range",
                violation_error_message=_("The last date is before the first."),
            ),
            models.CheckConstraint(
                condition=Q(start_time__isnull=True)
                | Q(end_time__isnull=True)
                | Q(end_time__gt=F("start_time"))
                | Q(end_time=MIDNIGHT),
                name="appointment_waitlist_times",
                violation_error_code="end_before_start",
                violation_error_message=_("The hours end after they start."),
            ),
            models.CheckConstraint(
                condition=Q(weekday_bits__gte=0, weekday_bits__lte=127),
                name="appointment_waitlist_weekdays",
                violation_error_code="weekday_range",
                violation_error_message=_("A weekday is 0 (Monday) to 6 (Sunday)."),
            ),
            models.CheckConstraint(
                condition=Q(status__in=WaitlistStatus.values),
                name="appointment_waitlist_status_known",
                violation_error_code="status",
                violation_error_message=_("The status is none of those there are."),
            ),
        )

    def __str__(self) -> str:
        return gettext("Entry %(number)s") % {"number": self.pk}  # no name: the admin logs it

    # --- Verbs ---

    def join(
        self,
        user: User | None = None,
        patient_id: int | None = None,
        at: datetime | None = None,
        **named: Any,
    ) -> "WaitlistEntry":
        """Join the waitlist at the end of the line; returns itself. Locks the user and the patient.

        For the patient whom the `user` names, as in `lock_patient_for`; without a user, for
        `self.patient`. Raises ValidationError for dates that have passed, weekdays that do not lie
        between the dates, a doctor who has left, and a visit to replace that is not ahead;
        Appointment.DoesNotExist for another's, and as `Appointment.reschedule` for one that cannot
        be moved; PatientDeceased, AlreadyWaiting for the same wish twice, TooManyEntries, and
        PlaceAvailable (with `alternatives`) if the patient can book a fitting slot now. A place
        that becomes free at the same moment may be missed: `run_due` offers it later.
        """
        at = at or timezone.now()
        with transaction.atomic():
            if user:
                self.patient = lock_patient_for(user, patient_id, ADD_ENTRY, **named)
                self._refuse_other_sites(user)
            else:
                self.patient = Patient.objects.lock(self.patient_id)
            if self.patient.is_deceased:
                raise PatientDeceased
            today = today_everywhere(at)
            self._validate(today)
            self._lock_replaced(user, at)
            self._refuse_repetition(today)
            if alternatives := self._free_slots(at):
                raise PlaceAvailable(alternatives=alternatives)
            self.save(force_insert=True)
            self._record(Action.CREATE)
        return self

    @retry_on_stale_lock
    def accept(
        self,
        by: User | None = None,
        reason: str = "",
        at: datetime | None = None,
        override_reason: str = "",
    ) -> Appointment:
        """Book the offered place by the booking rules; only this verb can book it.

        An entry that replaces a visit moves that visit there. Raises NoOpenOffer, as
        `Appointment.book` and as `Appointment.reschedule`; the offer then stays open. Staff accept
        for a patient, and with an `override_reason` set rules aside. Locks the user, the patient,
        the slots, then the entries.
        """
        at = at or timezone.now()
        waive = bool(override_reason)
        acts_as_staff(by, CHANGE_ENTRY, self.patient, override_reason)
        if self.replaces_id:
            return self._move_to_offer(by, at, override_reason)
        visit = Appointment(booked_by=by, reason=reason)
        visit.override_reason = override_reason
        booking = BookAppointment(visit, at, waive=waive, permission=CHANGE_ENTRY)
        with booking.transaction():
            booking.lock_patient_of_entry(self)
            offer = self._acceptable_offer(by, at)
            booking.lock_places([offer.slot_id])
            self._end_offer(offer, at)
            booked: Appointment = booking.book(Q(pk=offer.slot_id))
        return booked

    def decline(self, by: User | None = None, at: datetime | None = None) -> None:
        """Decline the offer: its place goes to the next in line; the entry keeps its position.

        Raises NoOpenOffer. Locks the slot, then the entries.
        """
        at = at or timezone.now()
        with transaction.atomic():
            offer = self._acceptable_offer(by, at)
            Slot.objects.of_key(offer.slot_id).lock()
            self._end_offer(offer, at, "declined", WaitlistStatus.WAITING)
            offer.slot.offers.offer_places([offer.slot], at)

    @retry_on_stale_lock
    @transaction.atomic
    def leave(self, at: datetime | None = None) -> None:
        """Delete the entry; a place that was offered is declined and goes to the next in line.

        Raises DoesNotExist where the entry was deleted already. Locks the slots, then the entries.
        """
        slots = Slot.objects.filter(pk__in=list(self._offered_slots())).lock()
        row = WaitlistEntry.objects.filter(pk=self.pk)
        if not row.lock():
            raise WaitlistEntry.DoesNotExist
        if not set(self._offered_slots()) <= {slot.pk for slot in slots}:
            raise StaleLock
        self.offers.open().end("declined")
        self._record(Action.DELETE)
        row.delete()
        for slot in slots:  # at most one
            slot.offers.offer_places([slot], at or timezone.now())

    @retry_on_stale_lock
    @transaction.atomic
    def expire(self, at: datetime) -> bool:
        """End an entry in line that would replace a visit which is not scheduled any more.

        Returns whether it did. A place that was offered goes to the next in line. Locks the slots,
        then the entry.
        """
        slots = Slot.objects.filter(pk__in=list(self._offered_slots())).lock()
        over = WaitlistEntry.objects.filter(~visit_stands(), pk=self.pk, status__in=IN_LINE)
        if not over.exists():
            return False
        self.offers.end_entries(over, WaitlistStatus.EXPIRED, slots, at)
        self.offers.offer_places(slots, at)
        return True

    # --- Shared by the verbs ---

    def _validate(self, today: date) -> None:
        """Raise ValidationError for a wish that cannot come true: no such day, no such doctor."""
        if self.last_date < today:
            days = ValidationError(_("These days are over."), "date_range")
            raise ValidationError({"to": days})
        if not WaitlistCriteria.of(self).has_day(today):
            none = ValidationError(
                _("None of these weekdays lies between the dates."), "date_range"
            )
            raise ValidationError({"weekdays": none})
        if self.doctor and not self.doctor.is_active:
            left = ValidationError(_("This doctor sees no patients any more."), "inactive")
            raise ValidationError({"doctor": left})

    def _refuse_repetition(self, today: date) -> None:
        """Raise AlreadyWaiting for a wish that the patient has in line, or TooManyEntries.

        The caller has locked the account, or the patient who has none: of two that join at once,
        the second reads the entry of the first.
        """
        account = self.patient.user_id
        whose = Q(patient__user=account) if account else Q(patient=self.patient)
        in_line = list(
            WaitlistEntry.objects.in_line(today).filter(whose).select_related("replaces")
        )
        own = (entry for entry in in_line if entry.patient_id == self.patient_id)
        if WaitlistCriteria.of(self).meets_any(own):
            raise AlreadyWaiting
        if len(in_line) >= MAX_ENTRIES:
            raise TooManyEntries

    def _refuse_other_sites(self, user: User) -> None:
        """Raise ValidationError for a doctor or a specialty of other sites than those of the staff.

        Staff who join as patients, for themselves or a dependent, may wait for any doctor.
        """
        if user.sites is None or not acts_as_staff(user, ADD_ENTRY, self.patient):
            return
        here = Doctor.objects.at_sites_of(user)
        name, doctors = "doctor", here.filter(pk=self.doctor_id or 0)
        if self.specialty_id:
            name, doctors = "specialty", here.filter(specialties=self.specialty_id)
        if not doctors.exists():
            absent = ValidationError(_("No doctor at your sites matches this."), "does_not_exist")
            raise ValidationError({name: absent})

    def _lock_replaced(self, user: User | None, at: datetime) -> None:
        """Lock the visit that the entry replaces, if any; refuse one that cannot be replaced.

        A cancelation that runs at the same moment waits for the lock, and then finds the entry.
        """
        if not self.replaces_id:
            return
        visits = Appointment.objects.filter(pk=self.replaces_id).with_names()
        visit = visits.select_for_update(no_key=True, of=("self",)).first()
        if visit is None or not (user is None or self._may_name(visit, user)):
            raise Appointment.DoesNotExist
        if visit.patient_id != self.patient_id:
            other = ValidationError(_("This visit belongs to another patient."), "not_theirs")
            raise ValidationError({"replaces": other})
        if visit.status != LIVE or visit.starts_at <= at:
            over = ValidationError(_("This visit has begun or is not scheduled."), "not_ahead")
            raise ValidationError({"replaces": over})
        try:
            visit.refuse_change(at, as_patient=True)
        except DomainError as refusal:
            refusal.staff_message = NOTHING_EARLIER  # no reason overrides this here
            refusal.to_staff = user is not None and acts_as_staff(user, ADD_ENTRY, self.patient)
            raise
        self.replaces = visit

    def _may_name(self, visit: Appointment, user: User) -> bool:
        """Whether the user sees the visit: of an own patient or, for staff, at their sites."""
        if visit.patient is not None and visit.patient.user_id == user.pk:
            return True
        return visit.patient_id == self.patient_id and user.works_at(visit.location_id)

    @property
    def before(self) -> datetime | None:
        """The start of the visit that the entry replaces: only earlier slots fit."""
        return self.replaces.starts_at if self.replaces else None

    def _free_slots(self, at: datetime) -> list[dict[str, Any]]:
        """Return up to three fitting slots that the patient can book now, as API rows."""
        locations = list(Location.objects.all())
        context = booking_context(
            self.patient, at, locations, window=(at, at), exclude_appointment=self.replaces_id
        )
        slots = WaitlistCriteria.of(self).slots(locations).bookable_in(context)
        found: list[dict[str, Any]] = slots.order_by("starts_at", "pk")[:3].to_list(at, "doctor")
        return found

    def _move_to_offer(self, by: User | None, at: datetime, override_reason: str) -> Appointment:
        """Move the visit that the entry replaces to the offered slot."""
        offer = self._acceptable_offer(by, at)
        visit = Appointment.objects.with_names().get(pk=self.replaces_id or 0)
        waive = bool(override_reason)
        move = RescheduleAppointment(visit, at, waive, override_reason, permission=CHANGE_ENTRY)

        def when_locked() -> None:
            self.patient = visit.patient  # type: ignore[assignment]  # a visit to move has one
            if offer.slot.starts_at >= visit.starts_at:
                raise NoOpenOffer  # the visit was moved since, to an earlier time still
            self._end_offer(offer, at)

        moved: Appointment = move.move(offer.slot_id, by, when_locked)
        return moved

    def _acceptable_offer(self, by: User | None, at: datetime) -> Any:
        """Return the offer that can be answered now; raises NoOpenOffer.

        Staff who act for a patient answer offers of slots at their sites.
        """
        offers = self.offers.acceptable(at).select_related("slot")
        offer = (offers.answerable_by(by) if by else offers).first()
        if offer is None:
            raise NoOpenOffer
        return offer

    def _end_offer(
        self,
        offer: Any,
        at: datetime,
        status: str = "accepted",
        entry_status: str = WaitlistStatus.ACCEPTED,
    ) -> None:
        """End the offer, whose slot the caller has locked; raises NoOpenOffer if it has ended.

        An offer changes only under the lock of its slot, so it needs no lock of its own.
        """
        if not self.offers.acceptable(at).filter(pk=offer.pk).exists():
            raise NoOpenOffer
        self.offers.filter(pk=offer.pk).end(status, entry_status=entry_status)
        self._record(Action.CHANGE)

    def _offered_slots(self) -> models.QuerySet[Any]:
        """The keys of the slots of this entry's open offers."""
        return self.offers.open().values_list("slot", flat=True)

    def _record(self, action: str) -> None:
        AuditEvent.objects.record(action, self, [self.patient])

    def is_only_offer_under_way(self, slot: Slot, at: datetime) -> bool:
        """Whether no other transaction offers this patient an overlapping place at this moment.

        The caller has locked this entry. Each transaction locks an entry, calls this method, then
        inserts the offer. If two of them hold two entries of one patient, at least one finds the
        other entry locked and skips the patient. If one calls after the other's commit, its last
        statement reads the other's offer. Offered entries need no lock: they get no other offer
        until they wait again. The patient is not locked, so that no booking waits for an offer;
        `accept` checks the booking rules again.
        """
        others = WaitlistEntry.objects.waiting().filter(patient=self.patient_id)
        locked = [entry.pk for entry in others.skip_locked()]
        held_elsewhere = others.exclude(pk__in=locked)
        still_eligible = WaitlistEntry.objects.filter(pk=self.pk).eligible_for(slot, at)
        return still_eligible.filter(~Exists(held_elsewhere)).exists()
