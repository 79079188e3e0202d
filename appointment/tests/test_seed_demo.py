"""The content of the demo data, repeated runs of the command, and its refusal in production."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction
from django.db.models import Count, F, QuerySet, Sum
from django.test import override_settings

from accounts.models import User
from appointment.demo import people, visits
from appointment.demo.logins import LOGINS, PASSWORD, PATIENT
from appointment.demo.sessions import days_around
from appointment.models import Appointment, Offer, WaitlistEntry
from doctor.models import (
    Doctor,
    Language,
    Location,
    Schedule,
    Slot,
    Specialty,
    TimeOff,
    WeeklyHours,
)
from patient.models import Patient
from tests.flush import Flush

OURS = ("accounts", "doctor", "patient", "appointment", "auth")


pytestmark = pytest.mark.django_db


# A Wednesday between the two clinics' changes to summer time; the demo's days include both.
AT = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def seeded(flush: Flush, django_db_blocker: Any) -> Iterator[None]:
    """Create the demo data once for the whole module, because this takes a while.

    The data is committed, so each test starts from it and rolls its own changes back. Fewer days
    than the default are quicker to create.
    """
    with override_settings(DEMO_DAYS=22), django_db_blocker.unblock():
        seed(AT)
        yield
        flush()


def seed(at: datetime) -> str:
    """Run the command at the given time and return its output."""
    printed = StringIO()
    with time_machine.travel(at, tick=False):
        call_command("seed_demo", stdout=printed)
    return printed.getvalue()


def rows() -> dict[str, int]:
    """Map the label of each model of this project and of Django's auth to its number of rows."""
    models = (model for name in OURS for model in apps.get_app_config(name).get_models())
    return {model._meta.label: model._default_manager.count() for model in models}


def next_working_day(at: datetime) -> datetime:
    """Return the first instant, whole days after `at`, for which the demo ends on a working day."""
    tomorrow = at + timedelta(days=1)
    end = (tomorrow + days_around()).weekday()
    return tomorrow if end < 5 else next_working_day(tomorrow)


# --- Content --------------------------------------------------------------------------------------


def test_there_are_two_clinics_and_twelve_doctors_each_at_one() -> None:
    zones = set(Location.objects.values_list("time_zone", flat=True))
    assert zones == {"Europe/Madrid", "America/New_York"}
    assert Specialty.objects.count() == 8
    assert Language.objects.count() == 6
    assert Doctor.objects.count() == 12
    places = Doctor.objects.annotate(places=Count("schedules__location", distinct=True))
    assert set(places.values_list("places", flat=True)) == {1}


def test_every_doctor_works_every_working_day_between_nine_and_five() -> None:
    first, last = AT.date() - days_around(), AT.date() + days_around()
    span = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    for doctor in Doctor.objects.all():
        sessions = doctor.schedules.all()
        dates = {session.date for session in sessions}
        assert {day for day in span if day.weekday() < 5} <= dates
        assert all(date.weekday() < 5 for date in dates)
        assert all(s.start_time.hour >= 9 and s.end_time.hour <= 17 for s in sessions)


def test_there_are_sixty_patients_some_with_an_account() -> None:
    assert Patient.objects.count() == 60
    accounts = User.objects.filter(patients__isnull=False).distinct()
    assert 20 <= accounts.count() < 60
    usable = [user.email for user in accounts if user.has_usable_password()]
    assert usable == [PATIENT.email]


def test_there_are_visits_in_every_status_past_present_and_future() -> None:
    past = Appointment.objects.filter(ends_at__lte=AT).values_list("status", flat=True)
    future = Appointment.objects.filter(starts_at__gt=AT).values_list("status", flat=True)
    assert set(past) == {"scheduled", "completed", "canceled", "no_show"}
    assert set(future) == {"scheduled", "canceled"}


def test_only_visits_of_the_past_few_days_are_left_to_close() -> None:
    left = Appointment.objects.active().filter(ends_at__lte=AT)
    assert left.exists()
    assert not left.filter(ends_at__lt=AT - visits.RECENT).exists()


@pytest.mark.parametrize("coming", [True, False])
def test_there_are_full_days_and_free_days(coming: bool) -> None:
    today = AT.date()
    when = {"date__gt": today} if coming else {"date__lt": today}
    sessions = Schedule.objects.filter(**when).annotate(
        held=Sum("slots__taken"), places=Sum("slots__capacity")
    )
    assert sessions.filter(held=F("places")).exists()
    assert sessions.filter(held=0).exists()


def test_each_login_of_the_demo_has_its_role() -> None:
    users = {user.email: user for user in User.objects.filter(email__in=[x.email for x in LOGINS])}
    assert all(user.check_password(PASSWORD) for user in users.values())
    admin, reception, doctor, patient = (users[login.email] for login in LOGINS)
    assert all(
        user.email_verified_at for user in users.values()
    )  # a password reset needs a verified address
    assert admin.is_superuser
    assert reception.is_staff
    assert not reception.is_superuser
    assert [group.name for group in reception.groups.all()] == ["Reception"]
    assert doctor.doctor.appointments.exists()
    own = patient.patients.get(is_dependent=False)
    assert patient.patients.filter(is_dependent=True).count() == 2
    assert {"completed", "scheduled"} <= set(own.appointments.values_list("status", flat=True))
    assert own.history.count() == 3


def test_one_doctor_is_on_leave_next_week_with_visits_to_rebook() -> None:
    leave = TimeOff.objects.get()
    assert AT + timedelta(days=4) <= leave.starts_at <= AT + timedelta(days=8)
    assert leave.doctor.appointments.filter(needs_rebooking=True).count() >= 3


def test_patients_wait_for_one_doctor_and_the_first_has_an_offer() -> None:
    offer = Offer.objects.get()
    entries = WaitlistEntry.objects.filter(doctor=offer.slot.doctor, last_date__gte=AT)
    assert len({entry.patient.user_id for entry in entries}) == 3
    assert offer.entry == entries.earliest("pk")
    assert offer.entry.patient.user.email == PATIENT.email
    assert AT < offer.expires_at < offer.slot.starts_at < AT + timedelta(days=8)


def all_querysets() -> list[QuerySet[Any]]:
    models = (User, Patient, Doctor, Location, Specialty, Language)
    return [model._default_manager.all() for model in models]


@pytest.mark.parametrize("queryset", all_querysets(), ids=lambda query: query.model.__name__)
def test_every_row_passes_its_validation(queryset: QuerySet[Any]) -> None:
    for row in queryset.all():
        row.full_clean(exclude=["password"])


def test_no_visit_happened_before_it_was_booked_or_in_the_future() -> None:
    for visit in Appointment.objects.prefetch_related("events"):
        moments = [event.at for event in visit.events.all()]
        assert moments == sorted(moments)
        assert moments[0] == visit.created_at < visit.starts_at
        assert moments[-1] <= AT


def test_the_invariants_hold() -> None:
    call_command("check_invariants", stdout=StringIO())


# --- Repeated runs --------------------------------------------------------------------------------


def test_a_second_run_with_the_same_clock_changes_nothing() -> None:
    before, statuses = rows(), Counter(Appointment.objects.values_list("status", flat=True))
    assert seed(AT) == ""
    assert rows() == before
    assert Counter(Appointment.objects.values_list("status", flat=True)) == statuses


def test_a_later_run_adds_the_new_days_of_the_calendar() -> None:
    before, later = rows(), next_working_day(AT)
    assert "sessions and visits" in seed(later)
    after = rows()
    assert after["doctor.Schedule"] == before["doctor.Schedule"] + 12
    assert after["patient.Patient"] == before["patient.Patient"]
    assert seed(later) == ""
    assert rows() == after
    call_command("check_invariants", stdout=StringIO())


def test_a_later_run_concludes_visits_that_are_long_over(settings: Any) -> None:
    settings.DEMO_DAYS = 0
    later = AT + timedelta(days=7)
    seed(later)
    left = Appointment.objects.active().filter(ends_at__lt=later)
    assert not left.filter(ends_at__lt=later - visits.RECENT - timedelta(days=1)).exists()


def test_a_run_that_was_killed_is_completed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    one_by_one, later = Schedule.objects.filter(weekly_hours=None), next_working_day(AT)
    before = one_by_one.count()
    with monkeypatch.context() as patch:
        patch.setattr(visits.DayOfVisits, "book", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            seed(later)
    assert one_by_one.count() == before
    seed(later)
    assert one_by_one.count() == before + 10  # two doctors keep weekly hours


def test_a_changed_password_and_a_renamed_doctor_stay() -> None:
    admin = User.objects.get(email=LOGINS[0].email)
    admin.set_password("another one")
    admin.save()
    Doctor.objects.filter(last_name="Navarro").update(last_name="Navarro Gil")
    seed(next_working_day(AT))
    admin.refresh_from_db()
    assert admin.check_password("another one")
    assert Doctor.objects.filter(last_name__startswith="Navarro").count() == 1


def test_a_session_that_staff_deleted_does_not_come_back() -> None:
    coming = Schedule.objects.filter(date__gt=AT.date())
    free = coming.exclude(slots__taken__gt=0).first()
    free.unpublish()
    before = rows()
    seed(AT)
    assert rows() == before


def test_a_run_succeeds_after_an_erasure_and_a_renamed_clinic() -> None:
    Patient.objects.get(user__email=PATIENT.email, is_dependent=False).erase()
    Location.objects.filter(time_zone="Europe/Madrid").update(name="Madrid Centro")
    one_by_one, later = Schedule.objects.filter(weekly_hours=None), next_working_day(AT)
    before = one_by_one.count()
    seed(later)
    assert one_by_one.count() == before + 5  # the sixth doctor in New York keeps weekly hours
    assert seed(later) == ""


def test_the_demo_of_a_day_is_the_same_on_every_machine() -> None:
    def found(day: Any) -> list[Any]:
        of_day = Appointment.objects.filter(date=day).order_by("starts_at", "doctor", "patient")
        return list(of_day.values_list("doctor", "patient", "starts_at", "reason"))

    later = next_working_day(AT)
    seed(later)
    last = Schedule.objects.filter(weekly_hours=None).latest("date").date
    first_time = found(last)
    assert first_time
    Appointment.objects.filter(date=last).delete()
    Slot.objects.filter(schedule__date=last).delete()
    Schedule.objects.filter(date=last).delete()
    seed(later)
    assert found(last) == first_time


# --- Production and existing accounts -------------------------------------------------------------


def test_production_refuses_demo_data(settings: Any) -> None:
    settings.ENVIRONMENT = "production"
    before = rows()
    with pytest.raises(CommandError, match="never made with ENVIRONMENT=production"):
        call_command("seed_demo")
    assert rows() == before


def test_an_existing_account_keeps_its_password_and_its_rights() -> None:
    with transaction.atomic():
        for model in (Appointment, WaitlistEntry, Slot, Schedule, WeeklyHours, TimeOff):
            model.objects.all().delete()
        Doctor.objects.all().delete()
        apps.get_model("patient", "MedicalHistory").objects.all().delete()
        Patient.objects.all().delete()
        User.objects.all().delete()
        stranger = User.objects.create_user(LOGINS[0].email, "my own words")
        people.create()
        stranger.refresh_from_db()
    assert stranger.check_password("my own words")
    assert not stranger.is_superuser
