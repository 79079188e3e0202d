"""The people who see patients."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from doctor.models.calendar import CalendarModel
from doctor.models.directory import Language, Location, Specialty
from extensions.db.fields import free_text

if TYPE_CHECKING:
    from doctor.models.schedule import Schedule


class DoctorQuerySet(models.QuerySet["Doctor"]):
    """Scopes and locks of doctors."""

    def active(self) -> "DoctorQuerySet":
        """Those whom the public sees."""
        return self.filter(is_active=True)

    def practising_at(self, location: Location, at: datetime | None = None) -> "DoctorQuerySet":
        """Those with an active session at the location today there or later."""
        from doctor.models.schedule import Schedule

        sessions = Schedule.objects.active().filter(location=location, date__gte=location.today(at))
        return self.filter(pk__in=sessions.values("doctor"))

    def with_directory(self) -> "DoctorQuerySet":
        """Load what a listing of doctors shows, in a fixed number of queries."""
        from doctor.models.schedule import Schedule

        last_sessions = Schedule.objects.last_at_each_location().select_related("location")
        return self.prefetch_related(
            "specialties",
            "languages",
            models.Prefetch("schedules", last_sessions, to_attr="last_sessions"),
        )

    def locations_of(self, pk: int) -> list[Location]:
        """Where this doctor has sessions; raises DoesNotExist where there is none among these."""
        at_any = models.Q(schedules__doctor=pk) & models.Q(schedules__doctor__in=self)
        found = list(Location.objects.filter(at_any).distinct())
        if not found and not self.filter(pk=pk).exists():
            raise self.model.DoesNotExist
        return found

    def lock(self, pks: set[int]) -> "list[Doctor]":
        """Lock these calendars in the order of their keys, until the transaction ends.

        No key is changed under the lock, so foreign keys to the doctor are still checked meanwhile.
        """
        return list(self.select_for_update(no_key=True).filter(pk__in=pks).order_by("pk"))


class Doctor(CalendarModel):
    """Somebody whose time can be booked; FHIR calls them a practitioner."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="doctor",
        help_text="The account the doctor signs in with, if any.",
    )
    title = models.CharField(max_length=50, blank=True, help_text="As in Dr. or Prof.")
    first_name = models.CharField(max_length=150)
    last_name = models.CharField(max_length=150)
    bio = free_text(blank=True)
    license_number = models.CharField(max_length=50)
    specialties = models.ManyToManyField(Specialty, related_name="doctors", blank=True)
    languages = models.ManyToManyField(Language, related_name="doctors", blank=True)
    accepts_patients = models.BooleanField(
        default=True, help_text="Without it nobody can book; what is booked stays."
    )
    is_active = models.BooleanField(
        "active", default=True, help_text="Without it the public does not see the doctor."
    )

    last_sessions: "list[Schedule]"  # of `with_directory`

    objects = DoctorQuerySet.as_manager()

    class Meta:
        ordering = ("last_name", "first_name", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=["license_number"],
                name="doctor_doctor_license_number_unique",
                violation_error_code="unique",
                violation_error_message="A doctor with this license number exists already.",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """Title, first and last name, as on the door."""
        return " ".join(filter(None, (self.title, self.first_name, self.last_name)))

    def current_locations(self, at: datetime | None = None) -> list[Location]:
        """Where the doctor has an active session from today on; needs `with_directory`."""
        here = (s.location for s in self.last_sessions if s.date >= s.location.today(at))
        return sorted(here, key=lambda location: (location.name, location.pk))

    def publish(self, at: datetime | None = None) -> None:
        """Save the doctor and open or close their coming slots to match, in one transaction.

        What is booked stays; of a doctor who leaves it goes to the work list, until they are back.
        Locks the doctor, then the slots.
        """
        from doctor.models.slot import Slot

        at = at or timezone.now()
        with transaction.atomic():
            before = Doctor.objects.lock({self.pk}) if self.pk else []
            coming = Slot.objects.filter(doctor=self.pk).coming(at)
            pks = (
                coming.lock_keys()
            )  # a new license number or user locks the row's key: slots first
            self.save()
            left_or_back = any(row.is_active is not self.is_active for row in before)
            coming.recompute_open(at, changed=pks if left_or_back else ())

    def lock_calendar(self, **changes: Any) -> None:
        Doctor.objects.lock({self.pk})
