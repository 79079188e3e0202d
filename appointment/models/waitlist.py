"""The waitlist: entries of patients who wait for a slot.

Entries are in line in the order of their keys. Offers, which hold a place for an entry, are in
`appointment.models.offer`; this module reaches them by the relations `entry.offers` and
`slot.offers`.
"""

from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Case, Count, Exists, F, OuterRef, Q, Subquery, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import AuditEvent, User
from appointment.exceptions import AlreadyWaiting, NoOpenOffer, PlaceAvailable, TooManyEntries
from appointment.models.appointment import Appointment
from appointment.models.booking import BookAppointment, booking_context
from appointment.models.declined_slot import DeclinedSlot
from appointment.models.waitlist_matching import WaitlistCriteria
from doctor.exceptions import PatientDeceased
from doctor.models import Doctor, Location, Slot, Specialty
from doctor.models.directory import earliest_today
from doctor.wall_time import earliest_date
from extensions.db.locks import lock_rows
from extensions.db.retry import StaleLock, retry_on_stale_lock
from patient.models import Patient

Action = AuditEvent.Action
MAX_ENTRIES = 10  # in line, of one account or of a patient without one
MAX_ATTEMPTS = 5  # to find an entry whose patient gets no other offer at this moment


class WaitlistStatus(models.TextChoices):
    """The status of an entry; waiting and offered ones are in line.

    An entry whose offer is declined or expires waits again, in the same position. No verb sets
    `declined`: it is reserved for an entry that staff take off the waitlist.
    """

    WAITING = "waiting"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"


IN_LINE = (WaitlistStatus.WAITING, WaitlistStatus.OFFERED)


class WaitlistEntryQuerySet(models.QuerySet["WaitlistEntry"]):
    """Scopes and locks of entries; `first_for` chooses the entry that gets an offer."""

    # --- By status and person ---

    def visible_to(self, user: Any) -> "WaitlistEntryQuerySet":
        """Entries of the user and of the user's dependents."""
        return self.filter(patient__user=user)

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

    def waiting(self) -> "WaitlistEntryQuerySet":
        """Entries with the status `waiting`: in line, without an open offer."""
        return self.filter(status=WaitlistStatus.WAITING)

    def in_line(self, today: date) -> "WaitlistEntryQuerySet":
        """Entries that wait or are offered a place, and whose last date has not passed."""
        return self.filter(status__in=IN_LINE, last_date__gte=today)

    def past_last_date(self, today: date) -> "WaitlistEntryQuerySet":
        """Waiting entries whose last date has passed."""
        return self.waiting().filter(last_date__lt=today)

    def without_acceptable_offer(self, at: datetime) -> "WaitlistEntryQuerySet":
        """Entries that wait, and those whose open offer has expired at the instant."""
        expired = self.model.objects.filter(
            pk=OuterRef("pk"), offers__status="open", offers__expires_at__lte=at
        )
        return self.filter(Q(status="waiting") | Q(Exists(expired), status="offered"))

    # --- By slot ---

    def for_doctors(self, doctors: Any) -> "WaitlistEntryQuerySet":
        """Entries for one of these doctors, or for a specialty that one of them practises.

        `doctors`: their keys, or a queryset of them.
        """
        practised = Specialty.objects.filter(doctors__in=doctors)
        return self.filter(Q(doctor__in=doctors) | Q(specialty__in=practised))

    def matching(self, slot: Slot) -> "WaitlistEntryQuerySet":
        """Entries whose doctor or specialty, dates, weekdays and times of day fit the slot.

        Dates and times are compared on the clock of the slot's location.
        """
        zone = slot.location.zone
        start, end = slot.starts_at.astimezone(zone), slot.ends_at.astimezone(zone)
        day, bit = start.date(), 1 << start.weekday()
        ends_in_time = Q(end_time__isnull=True)
        if end.date() == day:
            ends_in_time |= Q(end_time__gte=end.time())
        return (
            self.for_doctors([slot.doctor_id])
            .alias(that_day=F("weekday_bits").bitand(bit))
            .filter(Q(weekday_bits=0) | Q(that_day=bit), ends_in_time)
            .filter(Q(start_time__isnull=True) | Q(start_time__lte=start.time()))
            .filter(first_date__lte=day, last_date__gte=day)
        )

    def eligible_for(self, slot: Slot, at: datetime) -> "WaitlistEntryQuerySet":
        """Waiting entries whose patient could book the slot and has not given it up before.

        The caller has checked that the slot is bookable at the instant. This one query checks the
        patient: no live visit and no open offer overlaps the slot, neither limit is reached, the
        account is active and has no open offer of the slot. The patient has never declined the slot
        or let its offer lapse, and has neither canceled nor moved a visit in it since joining.
        """
        entries = self.model.objects
        time = {"doctor": slot.doctor_id, "starts_at": slot.starts_at}  # staff may remake the row
        declined = DeclinedSlot.objects.filter(patient=OuterRef("patient"), **time)
        other_offers = entries.filter(
            patient=OuterRef("patient"),
            offers__status="open",
            offers__slot__starts_at__lt=slot.ends_at,
            offers__slot__ends_at__gt=slot.starts_at,
        )
        account = OuterRef("patient__user")  # null matches nothing
        of_account = entries.filter(
            Q(patient__user=account) | Q(offers__account=account),
            offers__status="open",
            offers__slot=slot,
        )
        own = Appointment.objects.filter(patient=OuterRef("patient"))
        live = own.active()
        since = OuterRef("created_at")
        canceled = own.filter(**time, canceled_at__gte=since)
        moved = own.filter(
            events__kind="rescheduled", events__from_slot=slot.pk, events__at__gte=since
        )
        at_location = live.filter(location=slot.location_id, ends_at__gt=at)
        return (
            self.waiting()
            .matching(slot)
            .filter(patient__marked_deceased_at__isnull=True)
            .exclude(patient__user__is_active=False)
            .filter(~Exists(declined), ~Exists(other_offers), ~Exists(of_account))
            .filter(~Exists(canceled), ~Exists(moved))
            .filter(~Exists(live.overlapping(slot.starts_at, slot.ends_at)))
            .under_limit(slot, at_location, at)
            .under_cap(at)
        )

    def with_open_offer(self, at: datetime) -> "WaitlistEntryQuerySet":
        """Entries whose open offer has not expired at the instant."""
        return self.filter(offers__status="open", offers__expires_at__gt=at)

    def under_limit(self, slot: Slot, visits: Any, at: datetime) -> "WaitlistEntryQuerySet":
        """Entries whose patient may have one more visit at the slot's location.

        `visits`: those that count. So does each open offer there, which may become a visit. All
        entries if the location has no limit.
        """
        limit = slot.location.max_live_per_patient
        if limit is None:
            return self
        entries = self.model.objects.filter(patient=OuterRef("patient"))
        offers = entries.with_open_offer(at).filter(offers__slot__location=slot.location_id)
        number = _number_of(visits, "patient") + _number_of(offers, "patient")
        return self.alias(visits=number).filter(visits__lt=limit)

    def under_cap(self, at: datetime) -> "WaitlistEntryQuerySet":
        """Entries whose account may have one more visit ahead; all that have no account.

        As `booking_context`, which counts for one patient. Each open offer of the account counts
        too: all of them can be accepted.
        """
        account = {"patient__user": OuterRef("patient__user")}
        ahead = Appointment.objects.not_ended(at).filter(**account)
        offers = self.model.objects.filter(**account).with_open_offer(at)
        number = _number_of(ahead, "patient__user") + _number_of(offers, "patient__user")
        entries = self.alias(ahead=number)
        if settings.MAX_AHEAD_PER_ACCOUNT:
            entries = entries.filter(ahead__lt=settings.MAX_AHEAD_PER_ACCOUNT)
        if settings.MAX_AHEAD_UNVERIFIED:
            verified = Q(patient__user__email_verified_at__isnull=False)
            entries = entries.filter(verified | Q(ahead__lt=settings.MAX_AHEAD_UNVERIFIED))
        return entries

    def first_for(self, slot: Slot, at: datetime) -> "WaitlistEntry | None":
        """Lock the first entry in line that is eligible for the locked slot, or return None.

        The entry has `account`: the key of the account for which eligibility was checked, or None.
        The query waits for no lock. It skips an entry that another transaction has locked, and a
        patient with another entry that is locked: that transaction may make an overlapping offer.
        """
        skipped: list[int] = []
        for _ in range(MAX_ATTEMPTS):
            eligible = self.eligible_for(slot, at).annotate(account=F("patient__user"))
            eligible = eligible.exclude(patient__in=skipped)
            entry = eligible.skip_locked().first()
            if entry is None or entry.is_only_offer_under_way(slot, at):
                return entry
            skipped.append(entry.patient_id)
        return None

    # --- Locks ---

    def skip_locked(self) -> "WaitlistEntryQuerySet":
        """Lock the rows that the query reads, by primary key; leave out what others have locked."""
        rows = self.select_for_update(no_key=True, of=("self",), skip_locked=True)
        return rows.order_by("pk")

    def lock(self) -> "list[WaitlistEntry]":
        """Lock these entries, by primary key, in one statement. Callers lock their slots first."""
        return lock_rows(self)

    # --- Verb and display ---

    def join_own(
        self, user: User, patient_id: int | None = None, **criteria: Any
    ) -> "WaitlistEntry":
        """Join for the user, or for the dependent with that id; raises as `WaitlistEntry.join`.

        A user without a profile (the user's own Patient) gets one. Raises Patient.DoesNotExist
        where the user has no such patient.
        """
        return self.model(**criteria).join(user=user, patient_id=patient_id)

    def with_position(self, today: date) -> "WaitlistEntryQuerySet":
        """Annotate `position`: the place in line, from 1; null for an entry that is not in line.

        It counts entries for the same doctor or specialty whose dates overlap those of the entry.
        """
        entries = self.model.objects.in_line(today)
        in_line = {"status__in": IN_LINE, "last_date__gte": today}
        position = Case(
            When(doctor__isnull=False, **in_line, then=_number_up_to(entries, "doctor")),
            When(specialty__isnull=False, **in_line, then=_number_up_to(entries, "specialty")),
            default=None,
        )
        return self.annotate(position=position)


def _number_of(rows: Any, by: str) -> Coalesce:
    """Return a subquery that counts these rows, all of which have the same value of `by`."""
    return Coalesce(Subquery(rows.order_by().values(by).annotate(n=Count("pk")).values("n")), 0)


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
        Patient, on_delete=models.PROTECT, related_name="waitlist_entries", db_index=False
    )
    doctor = models.ForeignKey(
        Doctor,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="waitlist_entries",
        db_index=False,
    )
    specialty = models.ForeignKey(
        Specialty,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="waitlist_entries",
        db_index=False,
    )
    first_date = models.DateField(help_text="At the location of the visit.")
    last_date = models.DateField(help_text="At the location of the visit.")
    weekday_bits = models.PositiveSmallIntegerField(
        default=0, help_text="Bit n is weekday n, 0 is Monday; no bit is any day."
    )
    start_time = models.TimeField(
        null=True, blank=True, help_text="Not earlier, on the clocks of the location."
    )
    end_time = models.TimeField(
        null=True, blank=True, help_text="Over by then, on the clocks of the location."
    )
    status = models.CharField(
        max_length=8, choices=WaitlistStatus, default=WaitlistStatus.WAITING, editable=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = WaitlistEntryQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        verbose_name_plural = "waitlist entries"
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
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(doctor__isnull=False, specialty__isnull=True)
                | Q(doctor__isnull=True, specialty__isnull=False),
                name="appointment_waitlist_doctor_or_specialty",
                violation_error_code="doctor_or_specialty",
                violation_error_message="Give either a doctor or a specialty.",
            ),
            models.CheckConstraint(
                condition=Q(last_date__gte=F("first_date")),
                name="appointment_waitlist_dates",
                violation_error_code="date_range",
                violation_error_message="The last date is before the first.",
            ),
            models.CheckConstraint(
                condition=Q(start_time__isnull=True)
                | Q(end_time__isnull=True)
                | Q(end_time__gt=F("start_time")),
                name="appointment_waitlist_times",
                violation_error_code="end_before_start",
                violation_error_message="The hours end after they start.",
            ),
            models.CheckConstraint(
                condition=Q(weekday_bits__gte=0, weekday_bits__lte=127),
                name="appointment_waitlist_weekdays",
                violation_error_code="weekday_range",
                violation_error_message="A weekday is 0 (Monday) to 6 (Sunday).",
            ),
            models.CheckConstraint(
                condition=Q(status__in=WaitlistStatus.values),
                name="appointment_waitlist_status_known",
                violation_error_code="status",
                violation_error_message="The status is none of those there are.",
            ),
        )

    def __str__(self) -> str:
        return f"Entry {self.pk}"  # no name: the admin logs it

    # --- Verbs ---

    def join(
        self,
        user: User | None = None,
        patient_id: int | None = None,
        at: datetime | None = None,
    ) -> "WaitlistEntry":
        """Join the waitlist at the end of the line; returns itself. Locks the user and the patient.

        For the `user`, or the user's dependent with that id; without a user, for `self.patient`.
        Raises ValidationError for dates that have passed, weekdays that do not lie between the
        dates, and a doctor who has left; PatientDeceased, AlreadyWaiting for the same wish twice,
        TooManyEntries, and PlaceAvailable (with `alternatives`) if the patient can book a fitting
        slot now. A place that becomes free at the same moment may be missed: `run_due` offers it.
        """
        at = at or timezone.now()
        with transaction.atomic():
            if user:
                self.patient = Patient.objects.lock_for(user, patient_id)
            else:
                self.patient = Patient.objects.lock(self.patient_id)
            if self.patient.is_deceased:
                raise PatientDeceased
            today = today_everywhere(at)
            self._validate(today)
            self._refuse_repetition(today)
            if alternatives := self._free_slots(at):
                raise PlaceAvailable(alternatives=alternatives)
            self.save(force_insert=True)
            self._record(Action.CREATE)
        return self

    def accept(
        self, by: User | None = None, reason: str = "", at: datetime | None = None
    ) -> Appointment:
        """Book the offered place by the booking rules; only this verb can book it.

        Raises NoOpenOffer, and as `Appointment.book`; the offer then stays open. Locks the user,
        the patient, the slot, then the entry.
        """
        at = at or timezone.now()
        booking = BookAppointment(Appointment(booked_by=by, reason=reason), at)
        with booking.transaction():
            booking.appointment.patient = self.patient = Patient.objects.lock(self.patient_id)
            offer = self._lock_offer(at)
            self.offers.filter(pk=offer.pk).end("accepted", entry_status=WaitlistStatus.ACCEPTED)
            self._record(Action.CHANGE)
            booked: Appointment = booking.book(Slot.objects.of_key(offer.slot_id))
        return booked

    def decline(self, at: datetime | None = None) -> None:
        """Decline the offer: its place goes to the next in line; the entry keeps its position.

        Raises NoOpenOffer. Locks the slot, then the entries.
        """
        at = at or timezone.now()
        with transaction.atomic():
            offer = self._lock_offer(at)
            self.offers.filter(pk=offer.pk).end("declined")
            self._record(Action.CHANGE)
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

    # --- Shared by the verbs ---

    def _validate(self, today: date) -> None:
        """Raise ValidationError for a wish that cannot come true: no such day, no such doctor."""
        if self.last_date < today:
            raise ValidationError({"to": ValidationError("These days are over.", "date_range")})
        if not WaitlistCriteria.of(self).has_day(today):
            none = ValidationError("None of these weekdays lies between the dates.", "date_range")
            raise ValidationError({"weekdays": none})
        if self.doctor and not self.doctor.is_active:
            left = ValidationError("This doctor sees no patients any more.", "inactive")
            raise ValidationError({"doctor": left})

    def _refuse_repetition(self, today: date) -> None:
        """Raise AlreadyWaiting for a wish that the patient has in line, or TooManyEntries.

        The caller has locked the account, or the patient who has none: of two that join at once,
        the second reads the entry of the first.
        """
        account = self.patient.user_id
        whose = Q(patient__user=account) if account else Q(patient=self.patient)
        in_line = list(WaitlistEntry.objects.in_line(today).filter(whose))
        wish = WaitlistCriteria.of(self)
        own = [entry for entry in in_line if entry.patient_id == self.patient_id]
        if any(wish.meets(WaitlistCriteria.of(entry)) for entry in own):
            raise AlreadyWaiting
        if len(in_line) >= MAX_ENTRIES:
            raise TooManyEntries

    def _free_slots(self, at: datetime) -> list[dict[str, Any]]:
        """Return up to three fitting slots that the patient can book now, as API rows."""
        locations = list(Location.objects.all())
        context = booking_context(self.patient, at, locations, window=(at, at))
        slots = WaitlistCriteria.of(self).slots(locations).bookable_in(context)
        found: list[dict[str, Any]] = slots.order_by("starts_at", "pk")[:3].to_list(at, "doctor")
        return found

    def _lock_offer(self, at: datetime) -> Any:
        """Lock the slot of the acceptable offer and return the offer; raises NoOpenOffer.

        An offer changes only under the lock of its slot, so it needs no lock of its own.
        """
        offers = self.offers.acceptable(at)
        offer = offers.select_related("slot").first()
        if offer:
            Slot.objects.of_key(offer.slot_id).lock()
        if offer is None or not offers.filter(pk=offer.pk).exists():
            raise NoOpenOffer
        return offer

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
