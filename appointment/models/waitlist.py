"""Those who wait for a place, in the order in which they came."""

from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Exists, F, Q
from django.utils import timezone

from accounts.models import AuditEvent, User
from appointment.exceptions import NoOpenOffer, PlaceAvailable, StaleLock
from appointment.models.again import retry_on_stale_lock
from appointment.models.line import WaitlistEntryQuerySet, today_everywhere
from appointment.models.waitlist_matching import WaitlistCriteria
from doctor.models import Doctor, Location, Slot, Specialty
from patient.models import Patient

if TYPE_CHECKING:
    from appointment.models.appointment import Appointment
    from appointment.models.offer import Offer

Action = AuditEvent.Action
MOST_ENTRIES = 20  # in line, of one patient


class WaitlistStatus(models.TextChoices):
    """Where an entry stands; waiting and offered ones are in the line.

    Who declines an offer, or lets it lapse, waits again in the same place: `declined` is kept for
    somebody whom staff take off the line without forgetting them, and nothing sets it yet.
    """

    WAITING = "waiting"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"


IN_LINE = (WaitlistStatus.WAITING, WaitlistStatus.OFFERED)


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
        return f"Entry {self.pk}"  # names nobody: the admin logs it

    # --- Verbs ---

    def join(
        self, lock_patient: Callable[[], Patient] | None = None, at: datetime | None = None
    ) -> "WaitlistEntry":
        """Enter the line at its end; returns itself. Locks the user and the patient.

        Raises ValidationError for days that are over, a doctor who has left and one entry too
        many, PlaceAvailable (with `alternatives`) where the patient can book what they wish for. A
        place freed at the same moment may escape both sides: `run_due` offers it then.
        """
        at = at or timezone.now()
        with transaction.atomic():
            lock = lock_patient or partial(Patient.objects.lock, self.patient_id)
            self.patient = lock()
            self._check(today_everywhere(at))
            alternatives = self._places(at)
            if alternatives:
                raise PlaceAvailable(alternatives=alternatives)
            self.save(force_insert=True)
            self._note(Action.CREATE)
        return self

    def accept(
        self, by: User | None = None, reason: str = "", at: datetime | None = None
    ) -> "Appointment":
        """Book the place that is offered, by the rule; the only way to it.

        Raises NoOpenOffer, and as `Appointment.book` does: then the offer stands. Locks the user,
        the patient, the slot, then the entry.
        """
        from appointment.models.appointment import Appointment
        from appointment.models.booking import BookAppointment

        at = at or timezone.now()
        offered = Slot.objects.filter(offers__entry=self, offers__status="accepted")
        appointment = Appointment(booked_by=by, reason=reason)
        return BookAppointment(appointment, at).of(partial(self._claim, at), offered)

    def decline(self, at: datetime | None = None) -> None:
        """Let the offered place go to the next who can have it; keeps its own place in line.

        Raises NoOpenOffer. Locks the slot, then the entries.
        """
        from appointment.models.offer import Offer

        at = at or timezone.now()
        with transaction.atomic():
            offer = self._lock_offer(at)
            Offer.objects.filter(pk=offer.pk).end("declined")
            self._note(Action.CHANGE)
            Offer.objects.offer([offer.slot], at)

    @retry_on_stale_lock
    def leave(self, at: datetime | None = None) -> None:
        """Leave the line for good; a place that was offered goes to the next who can have it.

        Raises DoesNotExist where it has left already. Locks the slot, then the entries: an offer
        that comes, or goes to another slot, before the entry is locked has it begin again.
        """
        from appointment.models.offer import Offer

        slots = Slot.objects.filter(pk__in=list(self._held_slots())).lock()
        row = WaitlistEntry.objects.filter(pk=self.pk)
        if not row.lock():
            raise WaitlistEntry.DoesNotExist
        if not set(self._held_slots()) <= {slot.pk for slot in slots}:
            raise StaleLock
        Offer.objects.open().filter(entry=self.pk).end("withdrawn")
        self._note(Action.DELETE)
        row.delete()
        Offer.objects.offer(slots, at or timezone.now())

    # --- Of the verbs ---

    def _check(self, today: date) -> None:
        """Raise ValidationError where the entry makes no sense."""
        if self.last_date < today:
            raise ValidationError({"to": ValidationError("These days are over.", "date_range")})
        if self.doctor and not self.doctor.is_active:
            left = ValidationError("This doctor sees no patients any more.", "inactive")
            raise ValidationError({"doctor": left})
        line = WaitlistEntry.objects.in_line(today).filter(patient=self.patient)
        if line.count() >= MOST_ENTRIES:
            message = f"A patient waits for at most {MOST_ENTRIES} things at once."
            raise ValidationError(message, "too_many_entries")

    def _places(self, at: datetime) -> list[dict[str, Any]]:
        """The first three slots that the patient could book instead of waiting."""
        from appointment.models.terms import booking_context

        locations = list(Location.objects.all())
        terms = booking_context(self.patient, at, locations, around=(at, at))
        slots = (
            WaitlistCriteria.of(self)
            .slots(locations)
            .bookable_in(terms)
            .order_by("starts_at", "pk")
        )
        found: list[dict[str, Any]] = slots[:3].to_list(at, "doctor")
        return found

    def _claim(self, at: datetime) -> Patient:
        """Lock all that accepting needs and give the held place back, for it to be booked."""
        from appointment.models.offer import Offer

        self.patient = Patient.objects.lock(self.patient_id)
        offer = self._lock_offer(at)
        Offer.objects.filter(pk=offer.pk).end("accepted", of_entry=WaitlistStatus.ACCEPTED)
        self._note(Action.CHANGE)
        return self.patient

    def _note(self, action: str) -> None:
        AuditEvent.objects.record(action, self, [self.patient])

    def _lock_offer(self, at: datetime) -> "Offer":
        """Lock the slot that is offered: with it the offer stands still. Raises NoOpenOffer."""
        from appointment.models.offer import Offer

        offers = Offer.objects.acceptable(at).filter(entry=self.pk)
        offer = offers.select_related("slot").first()
        if offer:
            Slot.objects.of_key(offer.slot_id).lock()
        if offer is None or not offers.filter(pk=offer.pk).exists():
            raise NoOpenOffer
        return offer

    def _held_slots(self) -> models.QuerySet[Any]:
        from appointment.models.offer import Offer

        return Offer.objects.open().filter(entry=self.pk).values_list("slot", flat=True)

    def is_held_alone(self, slot: Slot, at: datetime) -> bool:
        """Whether nobody is giving the patient an overlapping place through another entry.

        Runs once this entry is locked. An offer is made under the lock of its entry, and whoever
        makes one comes here between that lock and the offer. So of two who hold two entries of one
        patient at least one finds the other's entry locked, and leaves the patient alone; and one
        who comes when the other has committed sees that offer in the last statement, which reads
        anew. Entries that are offered need no lock: they get nothing more before they wait again,
        and to give them something their giver must lock this one. Patients need none either, so
        that no booking waits for an offer; accepting asks the rule once more.
        """
        others = WaitlistEntry.objects.waiting().filter(patient=self.patient_id)
        held = [entry.pk for entry in others.locking(skip_locked=True).order_by("pk")]
        elsewhere = others.exclude(pk__in=held)
        mine = WaitlistEntry.objects.filter(pk=self.pk).who_can_have(slot, at)
        return mine.filter(~Exists(elsewhere)).exists()
