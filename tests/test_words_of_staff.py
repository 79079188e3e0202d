"""What staff read in the admin: the words of a clinic, and none of the program."""

import re
from typing import Any

import pytest
from django.contrib import admin

from accounts.models import User
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import REFUSALS
from doctor.models import Schedule
from doctor.models.booking_rules import WAIVABLE
from doctor.tests.factories import ScheduleFactory
from tests.admin_client import AdminClient, page

pytestmark = pytest.mark.django_db
OF_THE_PROGRAM = re.compile(
    r"\b(slots?|objects?|appointments?|time off|schedules?|TOTP|axes|knox|auth tokens?)\b", re.I
)
TAGS = re.compile(r"<(script|style|svg)\b.*?</\1>|<[^>]*>", re.S)


def words_on(answer: Any) -> list[str]:
    """Return the words of the program that the page shows, without its head."""
    assert answer.status_code == 200
    body = answer.content.decode().partition("<body")[2].partition(">")[2]
    text = TAGS.sub(" ", body).replace("Clinic appointments", "")
    return OF_THE_PROGRAM.findall(text)


def test_lists_name_things_as_staff_do(superuser: User) -> None:
    browser = AdminClient(superuser)
    AppointmentFactory()
    for path in ["/admin/records/", *(page(model) for model in admin.site._registry)]:
        assert words_on(browser.get(path)) == [], path


def test_a_deletion_is_asked_about_in_the_words_of_staff(superuser: User) -> None:
    browser, session = AdminClient(superuser), ScheduleFactory()
    visit = AppointmentFactory(slot=session.slots.first())
    for row in (session, visit, visit.patient, session.doctor, session.location):
        assert words_on(browser.get(page(row, "delete"))) == [], row
        assert words_on(browser.get(page(row, "history"))) == [], row
    several = {"action": "delete_selected", "_selected_action": [visit.pk]}
    assert words_on(browser.send(page(Appointment), several)) == []
    assert words_on(browser.get(page(Schedule, "add"))) == []


def test_the_sections_of_other_packages_have_names_that_staff_understand(superuser: User) -> None:
    html = AdminClient(superuser).get("/admin/records/").content.decode()
    for name in ("Sign-ins", "Signed-in devices", "Second factor: apps", "Authenticator apps"):
        assert name in html
    assert "<h1>Sign-ins</h1>" in AdminClient(superuser).get("/admin/axes/").content.decode()


def test_a_refusal_that_staff_may_set_aside_fits_readers_of_pages_and_of_the_api() -> None:
    for reason, refusal in REFUSALS.items():
        if reason in WAIVABLE:
            assert "a reason (override reason)" in refusal.staff_message, reason
        assert OF_THE_PROGRAM.search(str(refusal.staff_message)) is None, reason


def test_the_visits_of_a_day_are_listed_first_to_last(superuser: User) -> None:
    session = ScheduleFactory()
    late, early = (AppointmentFactory(slot=slot) for slot in [*session.slots.all()][:2][::-1])
    rows = AdminClient(superuser).get(page(Appointment)).context["cl"].result_list
    assert list(rows) == [early, late]
