"""Sessions: a doctor's time on one day at one location, and the slots made from it."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import IntegrityError, models, transaction
from django.db.models import Exists, F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from doctor.exceptions import ScheduleOverlap
from doctor.models.booking_rules import places_left
from doctor.models.directory import Location
from doctor.models.doctor import Doctor, DoctorLocationModel
from doctor.models.site_staff import SiteQuerySet
from doctor.models.slot import Slot, announce_closing, refuse_stranding
from doctor.wall_time import (
    MIDNIGHT,
    Span,
    ends_after,
    instant_of,
    offset_minutes,
    spans_of,
    validate_date,
)
from extensions.db.constraints import violates
from extensions.formats import day_text

NO_OVERLAP = ("doctor_slot_no_overlap", "doctor_slot_one_per_doctor_and_start")


class ScheduleQuerySet(SiteQuerySet["Schedule"]):
    """Sessions by who may see or book them, and the numbers of their places."""

    def active(self) -> "ScheduleQuerySet":
        """Return the active sessions."""
        return self.filter(is_active=True)

    def open_to_bookings(self) -> "ScheduleQuerySet":
        """Return the active sessions of active doctors who accept patients."""
        return self.active().filter(doctor__is_active=True, doctor__accepts_patients=True)

    def visible_to(self, user: Any) -> "ScheduleQuerySet":
        """Return active ones of active doctors, and all at the sites of staff who may view them."""
        public = Q(is_active=True, doctor__is_active=True)
        if not (user.is_staff and user.has_perm("doctor.view_schedule")):
            return self.filter(public)
        return self if user.sites is None else self.filter(public | Q(location__in=user.sites))

    def where_doctors_practise(self, at: datetime.datetime) -> models.QuerySet[Location]:
        """Return the locations where an outer doctor has one of these sessions on today or later.

        Today is that of the location. Inside a subquery over doctors; one look-up in the index of
        doctor, location and date for each location, however many sessions there have been.
        """
        here = {"doctor": OuterRef(OuterRef("pk")), "location": OuterRef("pk")}
        coming = Location.objects.compared_with_today("date__gte", at)
        return Location.objects.filter(Exists(self.filter(coming, **here))).order_by("name", "pk")

    def with_places(self, at: datetime.datetime | None = None) -> "ScheduleQuerySet":
        """Annotate `total_slots` (all places) and `available_slots` (bookable at the instant)."""
        at = at or timezone.now()
        return self.annotate(
            total_slots=_sum_of(Slot.objects.all(), F("capacity")),
            available_slots=_sum_of(Slot.objects.bookable(at), places_left(at)),
        )


def _sum_of(slots: Any, places: Any) -> Coalesce:
    """Return a subquery that sums the expression `places` over these slots of the outer session.

    Unlike a join, it is computed only for the rows of a page.
    """
    of_schedule = slots.filter(schedule=OuterRef("pk")).order_by().values("schedule")
    return Coalesce(Subquery(of_schedule.annotate(places=Sum(places)).values("places")), 0)


@contextmanager
def atomic_or_schedule_overlap() -> Iterator[None]:
    """Run the body in a transaction; raise ScheduleOverlap if a constraint refuses a slot."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if any(violates(error, name) for name in NO_OVERLAP):
            raise ScheduleOverlap from error
        raise


class SessionTimesModel(DoctorLocationModel):
    """The wall times, slot length and capacity that sessions and weekly hours have in common."""

    start_time = models.TimeField(_("start time"), help_text=_("On the clocks of the location."))
    end_time = models.TimeField(
        _("end time"),
        help_text=_("On the clocks of the location, the same day; 00:00 is midnight at its end."),
    )
    slot_minutes = models.PositiveSmallIntegerField(
        _("length of each time"),
        null=True,
        blank=True,
        validators=[MinValueValidator(5), MaxValueValidator(720)],
        help_text=_("Minutes; empty makes one time of the whole session."),
    )
    capacity = models.PositiveSmallIntegerField(
        _("capacity"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=_("Places at each time."),
    )

    class Meta:
        abstract = True
        constraints = (
            models.CheckConstraint(
                condition=Q(capacity__gte=1, capacity__lte=1000),
                name="%(app_label)s_%(class)s_capacity_in_range",
                violation_error_code="capacity_range",
                violation_error_message=_("A time has 1 to 1000 places."),
            ),
            models.CheckConstraint(
                condition=Q(slot_minutes__isnull=True)
                | Q(slot_minutes__gte=5, slot_minutes__lte=720),
                name="%(app_label)s_%(class)s_slot_minutes_in_range",
                violation_error_code="slot_minutes_range",
                violation_error_message=_("A time lasts 5 to 720 minutes."),
            ),
        )


class Schedule(SessionTimesModel):
    """A session: wall times of its location, cut into slots of equal elapsed time.

    `weekly_hours` are the weekly hours that generated it, if any. A session that staff edited is an
    exception: its weekly hours no longer change it.
    """

    doctor = models.ForeignKey(
        Doctor,
        on_delete=models.PROTECT,
        related_name="schedules",
        db_index=False,
        verbose_name=_("doctor"),
    )
    location = models.ForeignKey(
        Location,
        on_delete=models.PROTECT,
        related_name="schedules",
        db_index=False,
        verbose_name=_("location"),
    )
    date = models.DateField(_("date"), validators=[validate_date], help_text=_("At the location."))
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Without it nobody can book; what is booked stays.")
    )
    weekly_hours = models.ForeignKey(
        "doctor.WeeklyHours",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="schedules",
        db_index=False,
        help_text=_("The hours it was made from, if any."),
    )
    is_exception = models.BooleanField(
        default=False, editable=False, help_text=_("Edited by staff: its hours leave it alone.")
    )

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        ordering = ("date", "start_time", "pk")
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        indexes = (
            models.Index(fields=["doctor", "date"], name="doctor_schedule_doctor_date"),
            models.Index(fields=["location", "date"], name="doctor_schedule_location_date"),
            models.Index(fields=["date", "start_time"], name="doctor_schedule_date_start"),
            models.Index(fields=["doctor", "location", "date"], name="doctor_schedule_practises"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["weekly_hours", "date"],
                name="doctor_schedule_one_per_hours_and_date",
                violation_error_code="schedule_overlap",
                violation_error_message=_("The hours have a session on that day already."),
            ),
            models.CheckConstraint(
                condition=Q(end_time__gt=F("start_time")) | Q(end_time=MIDNIGHT),
                name="doctor_schedule_ends_after_it_starts",
                violation_error_code="end_before_start",
                violation_error_message=_("A session ends after it starts, on the same day."),
            ),
            *SessionTimesModel.Meta.constraints,
        )

    def __str__(self) -> str:
        times = f"{self.start_time:%H:%M}-{self.end_time:%H:%M}"
        return f"{day_text(self.date)}, {times}, {self.doctor}, {self.location}"

    def clean(self) -> None:
        """Raise ValidationError for a session too short for a single slot."""
        complete = self.location_id and self.date and self.start_time and self.end_time
        try:
            too_short = complete and ends_after(self.start_time, self.end_time) and not self.spans()
        except OverflowError:
            return  # the validators refuse such a date or length
        if too_short:
            raise ValidationError(
                gettext("The session is too short for a single visit."), code="no_slots"
            )

    @property
    def begins_at(self) -> datetime.datetime:
        """The instant at which the session begins."""
        return instant_of(self.date, self.start_time, self.location.zone)

    def spans(self) -> list[Span]:
        """Return the (start, end) of each slot in UTC, from the wall times at the location."""
        times = (self.start_time, self.end_time, self.slot_minutes)
        return spans_of(self.date, *times, self.location.zone)

    # --- Verbs ---

    def publish(self) -> None:
        """Save the session and make its slots, in one transaction.

        Slots that still fit keep their appointments, other free slots are replaced. A session
        generated from weekly hours becomes an exception: they no longer change it. Raises
        ValidationError; ScheduleInUse with the appointments that would lose their slot;
        ScheduleOverlap if the doctor has another slot at that time. Locks locations, doctors, then
        the slots.
        """
        with atomic_or_schedule_overlap():
            self.lock_calendar()
            self._mark_as_exception()
            self.full_clean()
            self.save()
            self._remake_slots(timezone.now())

    def unpublish(self) -> None:
        """Delete the session and its slots; raises ScheduleInUse if an appointment is on one.

        A session generated from weekly hours stays, inactive and without slots, so that they do
        not generate it again.
        """
        with transaction.atomic():
            self.lock_calendar()
            slots = self.slots.all().lock()
            announce_closing(slots, timezone.now())
            self._drop(slots)
            generated = Schedule.objects.filter(pk=self.pk, weekly_hours__isnull=False)
            if not generated.update(is_active=False, is_exception=True):
                self.delete()

    def _mark_as_exception(self) -> None:
        """Mark an edited session of weekly hours as an exception: they no longer change it.

        If its date changes, it no longer belongs to them, and an inactive copy takes the old date,
        so that they do not generate a new session there. The row is read again, because the weekly
        hours may have been deleted since the session was loaded.
        """
        if self._state.adding:
            return
        stored = Schedule.objects.filter(pk=self.pk, weekly_hours__isnull=False).first()
        if stored is None:
            self.weekly_hours_id = None
            return
        self.is_exception = True
        if stored.date != self.date:
            Schedule.objects.filter(pk=self.pk).update(weekly_hours=None)
            self.weekly_hours_id = None
            stored.pk, stored._state.adding = None, True
            stored.is_active, stored.is_exception = False, True
            stored.save()

    def _remake_slots(self, at: datetime.datetime) -> None:
        """Keep the slots that fit the saved session, delete the others and create missing ones."""
        wanted = dict.fromkeys(self.spans())
        slots = self.slots.all().lock()
        withdrawn = announce_closing([s for s in slots if not self._keeps(s, wanted)], at)
        kept = [slot for slot in slots if self._keeps(slot, wanted)]
        self._drop([slot for slot in slots if slot not in kept])
        self._refuse_overlap(list(wanted))
        missing = wanted.keys() - {(slot.starts_at, slot.ends_at) for slot in kept}
        new = self.slots.bulk_create([self.new_slot(span) for span in sorted(missing)])
        gained = [slot for slot in kept if slot.sold_places < self.capacity or slot in withdrawn]
        self.slots.all().set_capacity(self.capacity)
        readmitted = [slot for slot in kept if slot.kept_over and self.is_active]
        self.slots.filter(pk__in=[slot.pk for slot in readmitted]).update(kept_over=False)
        changed = [slot.pk for slot in [*gained, *readmitted]]
        self.slots.all().recompute_open(at, changed, new=[slot.pk for slot in new])

    def _keeps(self, slot: Slot, wanted: dict[Span, None]) -> bool:
        """Tell whether a slot fits the session as it is now, with room for its appointments."""
        same_calendar = (slot.doctor_id, slot.location_id) == (self.doctor_id, self.location_id)
        same_time = (slot.starts_at, slot.ends_at) in wanted
        return same_calendar and same_time and slot.has_room(self.capacity)

    def _drop(self, slots: list[Slot]) -> None:
        """Delete these locked slots; raises ScheduleInUse if an appointment is on one."""
        refuse_stranding(slot for slot in slots if slot.taken)
        self.slots.filter(pk__in=[slot.pk for slot in slots]).drop()

    def _refuse_overlap(self, spans: list[Span]) -> None:
        """Raise ScheduleOverlap if another session of the doctor has a slot in one of these spans.

        On PostgreSQL an exclusion constraint refuses such slots too. On SQLite only this check
        does, under the lock of the doctor.
        """
        slots = Slot.objects.filter(doctor=self.doctor_id).exclude(schedule=self.pk)
        around = slots.overlapping(spans[0][0], spans[-1][1])
        for starts_at, ends_at in around.values_list("starts_at", "ends_at"):
            if any(starts_at < end and start < ends_at for start, end in spans):
                raise ScheduleOverlap

    # --- Unsaved rows ---

    def new_slot(self, span: Span) -> Slot:
        """Return an unsaved slot of the session with this start and end."""
        starts_at, ends_at = span
        return Slot(
            schedule=self,
            doctor_id=self.doctor_id,
            location_id=self.location_id,
            starts_at=starts_at,
            ends_at=ends_at,
            capacity=self.capacity,
            utc_offset=offset_minutes(starts_at, self.location.zone),
        )

    def on_day(self, day: datetime.date, pk: int | None = None) -> "Schedule":
        """Return an unsaved session with the same values on another day, with this primary key."""
        session = Schedule(
            pk=pk, date=day, weekly_hours_id=self.weekly_hours_id, **self.shared_values()
        )
        session.location = self.location  # without this, each session would load it
        return session

    def shared_values(self) -> dict[str, Any]:
        """Return the column values that all sessions of the same weekly hours share."""
        return {
            "doctor_id": self.doctor_id,
            "location_id": self.location_id,
            "start_time": self.start_time,
            "end_time": self.end_time,
            "slot_minutes": self.slot_minutes,
            "capacity": self.capacity,
        }
