"""Doctors, and the base of sessions, weekly hours and leave."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from doctor.models.calendar import CalendarModel
from doctor.models.directory import Language, Location, Specialty
from doctor.wall_time import earliest_date
from extensions.db.expressions import RowsOf
from extensions.db.fields import external_id_field, free_text, one_line, unique_external_id
from extensions.db.locks import lock_rows
from extensions.db.names import FoldedModel, FoldedNameField, FoldedQuerySet, FoldedWordsField
from extensions.search import Term

WAITS = ("waiting", "offered")  # statuses of a waitlist entry that is in line


class DoctorQuerySet(FoldedQuerySet["Doctor"]):
    """Queries for the public directory, and the lock taken before a doctor's sessions change."""

    search_columns = frozenset({"last_name", "first_name"})

    def active(self) -> "DoctorQuerySet":
        """Return the doctors that the public sees."""
        return self.filter(is_active=True)

    def practising_at(self, location: Location, at: datetime | None = None) -> "DoctorQuerySet":
        """Return doctors with an active session at the location on its current date or later."""
        sessions = location.schedules.filter(is_active=True, date__gte=location.today(at))
        return self.filter(pk__in=sessions.values("doctor"))

    def with_directory(self, locations: models.QuerySet[Location]) -> "DoctorQuerySet":
        """Read what a list of doctors shows of related rows, in a fixed number of statements.

        `locations`: of an outer doctor, as `ScheduleQuerySet.where_doctors_practise` returns them;
        each doctor gets them as the attribute `current_locations`, with `id` and `name`.
        """
        shown = RowsOf(locations, id="pk", name="name")
        found = self.annotate(current_locations=shown)
        return found.prefetch_related("specialties", "languages")

    def matching(self, terms: Sequence[Term]) -> "DoctorQuerySet":
        """Return the doctors of whose title, names and specialties every term begins a word.

        Joins nothing, so that no doctor is found twice.
        """
        found = self if terms else self.none()
        for term in terms:
            matches = self._in_name(term)
            if specialties := Specialty.objects.search_keys(term):
                of_specialty = self.model.objects.filter(specialties__in=specialties)
                matches |= models.Q(pk__in=of_specialty.values("pk"))
            found = found.filter(matches)
        return found

    def search_keys(self, term: Term, terms: Any = ()) -> set[int]:
        """Return the keys of the doctors of whose title and names the term begins a word."""
        return set(self.filter(self._in_name(term)).order_by().values_list("pk", flat=True))

    def _in_name(self, term: Term) -> models.Q:
        if not term.word:
            return models.Q(pk__in=())
        return models.Q(search_words__contains=f" {term.word}")

    # --- By site ---

    def at_sites_of(self, user: Any, at: datetime | None = None) -> "DoctorQuerySet":
        """Return the doctors who work at a site of this member of staff; all, if not restricted."""
        if user.sites is None:
            return self
        return self.filter(self._works_at(user.sites, at))

    def only_at_sites_of(self, user: Any, at: datetime | None = None) -> "DoctorQuerySet":
        """Return the doctors whom this member of staff may change: who work at no other site.

        Making a doctor inactive closes the slots of all sites.
        """
        if user.sites is None:
            return self
        if not user.sites:
            return self.none()
        return self.exclude(self._works_at(Location.objects.exclude(pk__in=user.sites), at))

    def for_calendar_of(self, user: Any) -> "DoctorQuerySet":
        """Return the doctors for whom this member of staff may enter sessions and weekly hours.

        Those who have or had some at one of the sites, and those who have nothing anywhere: no
        session, hours, leave or visit, and no patient who waits. With a session for any other
        doctor, staff would get to see that doctor's leave and waitlist.
        """
        if user.sites is None:
            return self
        doctors = self.model.objects.filter(pk=models.OuterRef("pk"))
        here = models.Q(models.Exists(doctors.filter(schedules__location__in=user.sites)))
        here |= models.Q(models.Exists(doctors.filter(weekly_hours__location__in=user.sites)))
        anything = models.Q(models.Exists(doctors.filter(waitlist_entries__status__in=WAITS)))
        for rows in ("schedules", "weekly_hours", "time_off", "appointments"):
            anything |= models.Q(models.Exists(doctors.filter(**{f"{rows}__isnull": False})))
        return self.filter(here | ~anything)

    def _works_at(self, locations: Any, at: datetime | None) -> models.Q:
        """Return the condition of a session from today on, or weekly hours that have not ended."""
        today = earliest_date(at or timezone.now())
        doctors = self.model.objects.filter(pk=models.OuterRef("pk"))
        sessions = doctors.filter(schedules__location__in=locations, schedules__date__gte=today)
        valid = models.Q(weekly_hours__valid_until__isnull=True) | models.Q(
            weekly_hours__valid_until__gte=today
        )
        hours = doctors.filter(valid, weekly_hours__location__in=locations)
        return models.Q(models.Exists(sessions)) | models.Q(models.Exists(hours))

    # --- Lock ---

    def lock(self, pks: set[int]) -> "list[Doctor]":
        """Lock these rows by ascending primary key until the transaction ends, and return them.

        The lock is FOR NO KEY UPDATE: others can still insert rows that refer to the doctor.
        """
        return lock_rows(self.filter(pk__in=pks))


class Doctor(FoldedModel, CalendarModel):
    """A person whose time patients book; the resource Practitioner in FHIR."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="doctor",
        help_text=_("The account the doctor signs in with, if any."),
        verbose_name=_("user"),
    )
    title = one_line(50, blank=True, help_text=_("As in Dr. or Prof."), verbose_name=_("title"))
    first_name = one_line(
        150,
        blank=True,
        help_text=_("Empty for a person with one name."),
        verbose_name=_("first name"),
    )
    last_name = one_line(150, verbose_name=_("last name"))
    bio = free_text(blank=True, verbose_name=_("bio"))
    license_number = one_line(50, verbose_name=_("license number"))
    external_id = external_id_field()
    specialties = models.ManyToManyField(
        Specialty, related_name="doctors", blank=True, verbose_name=_("specialties")
    )
    languages = models.ManyToManyField(
        Language, related_name="doctors", blank=True, verbose_name=_("languages")
    )
    accepts_patients = models.BooleanField(
        _("accepts patients"),
        default=True,
        help_text=_("Without it nobody can book; what is booked stays."),
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Without it the public does not see the doctor.")
    )
    wants_daysheet = models.BooleanField(
        _("day sheet by mail"),
        default=False,
        db_default=False,
        help_text=_("Each morning with visits, at the address of the account."),
    )

    last_name_key = FoldedNameField(("last_name",))
    first_name_key = FoldedNameField(("first_name",))
    search_words = FoldedWordsField(("last_name", "first_name", "title"))

    objects = DoctorQuerySet.as_manager()

    class Meta:
        ordering = ("last_name_key", "first_name_key", "pk")
        verbose_name = _("doctor")
        verbose_name_plural = _("doctors")
        constraints = (
            models.UniqueConstraint(
                fields=["license_number"],
                name="doctor_doctor_license_number_unique",
                violation_error_code="unique",
                violation_error_message=_("A doctor with this license number exists already."),
            ),
            unique_external_id(
                "doctor_doctor_external_id_unique",
                _("A doctor with this external id exists already."),
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """Title, first name and last name."""
        return " ".join(filter(None, (self.title, self.first_name, self.last_name)))

    def publish(self, at: datetime | None = None) -> None:
        """Save the doctor and open or close their coming slots to match, in one transaction.

        Appointments stay. When the doctor becomes inactive they go to the work list of visits that
        staff must rebook; when the doctor is active again they leave it. Locks the doctor, then the
        slots.
        """
        at = at or timezone.now()
        with transaction.atomic():
            if not self.pk:
                self.save()
                return
            before = Doctor.objects.lock({self.pk})
            coming = self.slots.coming(at)
            # Before the save: a new license number blocks checks of foreign keys to the doctor. A
            # booking makes such a check while it holds a slot: the other order could deadlock.
            pks = coming.lock_keys()
            self.save()
            active_changed = any(row.is_active is not self.is_active for row in before)
            coming.recompute_open(at, changed=pks if active_changed else ())

    def choose_daysheet(self, wanted: bool) -> None:
        """Send the doctor the sheet of each day with visits by mail from now on, or no more."""
        Doctor.objects.filter(pk=self.pk).update(wants_daysheet=wanted)
        self.wants_daysheet = wanted

    def lock_calendar(self, **changes: Any) -> None:
        """Lock the doctor until the transaction ends."""
        Doctor.objects.lock({self.pk})


class DoctorLocationModel(CalendarModel):
    """Base of sessions, weekly hours and leave: a change may replace the doctor or the location."""

    if TYPE_CHECKING:
        doctor: Any
        doctor_id: int | None
        location: Any
        location_id: int | None

    class Meta:
        abstract = True

    def lock_calendar(self, **changes: Any) -> None:
        """Lock the row's stored and new locations, then its stored and new doctors.

        Sets `location` and `doctor` to the locked rows. Raises Location.DoesNotExist if the
        location is gone. The row itself is locked first: otherwise it could get another
        location or doctor while this call waits for the locks of the old ones.
        """
        rows: models.QuerySet[Any] = type(self)._base_manager.all()
        row = rows.select_for_update(no_key=True).filter(pk=self.pk)
        stored = row.values_list("location", "doctor").first()
        self.lock_children()
        current = (self.location_id, self.doctor_id)
        new = tuple(getattr(changes.get(name), "pk", None) for name in ("location", "doctor"))
        locations, doctors = zip(*filter(None, (stored, current, new)), strict=True)
        locked_locations = {row.pk: row for row in Location.objects.lock(set(locations) - {None})}
        locked_doctors = {row.pk: row for row in Doctor.objects.lock(set(doctors) - {None})}
        if self.location_id:
            if self.location_id not in locked_locations:
                raise Location.DoesNotExist
            self.location = locked_locations[self.location_id]
        if self.doctor_id in locked_doctors:
            self.doctor = locked_doctors[self.doctor_id]

    def lock_children(self) -> None:
        """Lock the rows generated from this one, if any, before its locations and doctors."""
