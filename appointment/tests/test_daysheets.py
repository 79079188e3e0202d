"""A doctor who wants it gets the times of the day by mail, once, in the morning."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import OutgoingMessage
from accounts.tests.factories import UserFactory
from accounts.tests.mailbox import post
from appointment.messages.daysheets import queue_daysheets
from appointment.tests.factories import AppointmentFactory
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def there(wall: str) -> datetime:
    """Return the instant of a wall time in Madrid on the day of the visits."""
    return (
        datetime.fromisoformat(f"2026-12-03 {wall}")
        .replace(tzinfo=ZoneInfo("Europe/Madrid"))
        .astimezone(UTC)
    )


@pytest.fixture
def doctor(time_machine: Any) -> Any:
    """Return a doctor with visits at 09:00 and 09:30 on 3 December."""
    time_machine.move_to(there("00:30") - timedelta(days=1), tick=False)
    user = UserFactory(email="doctor@example.com", email_verified_at=there("00:00"))
    doctor = DoctorFactory(user=user, wants_daysheet=True)
    place = LocationFactory(time_zone="Europe/Madrid", name="Centro")
    session = ScheduleFactory(doctor=doctor, location=place, date=there("12:00").date())
    for slot in session.slots.order_by("starts_at")[:2]:
        AppointmentFactory(slot=slot)
    OutgoingMessage.objects.all().delete()
    return doctor


def test_the_sheet_comes_once_in_the_morning(doctor: Any, time_machine: Any) -> None:
    assert queue_daysheets(there("06:29")) == 0
    time_machine.move_to(there("06:30"), tick=False)
    assert [queue_daysheets(there("06:30")), queue_daysheets(there("06:31"))] == [1, 0]
    [sheet] = post()
    assert (sheet.to, sheet.subject) == (
        ["doctor@example.com"],
        "Your day, Thu 3 Dec 2026: 2 visits",
    )
    text = str(sheet.body)
    assert "09:00-09:30" in text
    assert "09:30-10:00" in text
    assert "Centro" in text
    patient = doctor.appointments.first().patient
    assert patient.last_name not in text
    assert queue_daysheets(there("08:00")) == 0


def test_the_sheet_names_patients_only_if_the_clinic_says_so(
    doctor: Any, time_machine: Any, settings: Any
) -> None:
    settings.DOCTOR_FEED_NAMES = True
    time_machine.move_to(there("06:30"), tick=False)
    queue_daysheets(there("06:30"))
    [sheet] = post()
    for visit in doctor.appointments.all():
        assert visit.patient.name in str(sheet.body)


def unwanted(doctor: Any) -> None:
    doctor.choose_daysheet(False)


def without_visits(doctor: Any) -> None:
    for visit in doctor.appointments.all():
        visit.cancel()


def inactive(doctor: Any) -> None:
    doctor.is_active = False
    doctor.publish()


@pytest.mark.parametrize("change", [unwanted, without_visits, inactive])
def test_a_doctor_who_wants_no_sheet_or_has_no_visit_gets_none(
    doctor: Any, time_machine: Any, change: Any
) -> None:
    time_machine.move_to(there("06:30"), tick=False)
    queue_daysheets(there("06:30"))
    change(doctor)
    assert post() == []
    OutgoingMessage.objects.all().delete()
    assert queue_daysheets(there("06:40")) == 0


def test_a_day_that_has_begun_gets_no_sheet(doctor: Any) -> None:
    assert queue_daysheets(there("09:00")) == 0


def test_before_an_early_first_visit_the_sheet_comes_an_hour_ahead(doctor: Any) -> None:
    early = ScheduleFactory(
        doctor=doctor,
        location=doctor.appointments.first().location,
        date=there("12:00").date(),
        start_time="06:00",
        end_time="07:00",
    )
    AppointmentFactory(slot=early.slots.first())
    assert queue_daysheets(there("04:59")) == 0
    assert queue_daysheets(there("05:00")) == 1


def test_a_doctor_chooses_the_sheet_at_the_desk(doctor: Any) -> None:
    doctor.user.groups.add(Group.objects.get(name="Doctor"))
    client = Client()
    client.force_login(doctor.user)
    for wanted in (False, True):
        answer = client.post("/admin/desk/mine/day-sheet/", {"wanted": "on"} if wanted else {})
        assert answer.status_code in {200, 302}
        doctor.refresh_from_db()
        assert doctor.wants_daysheet is wanted
    page = client.get("/admin/desk/mine/").content.decode()
    assert 'name="wanted" checked' in page
