"""Calendars in Spanish: typical texts of the admin and of the rules, with their placeholders."""

from datetime import time

import pytest
from django.utils import translation

from accounts.models import User
from doctor.admin.confirmations import length_text
from doctor.countries import country_names
from doctor.imports.hours import weekdays_by_name
from doctor.models import WeeklyHours
from doctor.models.week import WeekPlan, WeekSession
from doctor.tests.factories import WeeklyHoursFactory
from tests.admin_client import AdminClient, page


@pytest.mark.django_db
def test_a_page_of_the_admin_is_in_spanish(superuser: User) -> None:
    hours = WeeklyHoursFactory(weekday=0, start_time=time(9), end_time=time(13))
    browser = AdminClient(superuser).client
    html = browser.get(page(hours, "change"), headers={"accept-language": "es-ES"}).content.decode()
    for text in ("Horario semanal", "Día de la semana:", "lunes", "Solo a partir de una fecha"):
        assert text in html


@pytest.mark.parametrize(
    ("minutes", "english", "spanish"),
    [
        (60, "one hour", "una hora"),
        (150, "two hours and 30 minutes", "dos horas y 30 minutos"),
        (601, "10 hours and 1 minute", "10 horas y 1 minuto"),
    ],
)
def test_a_length_is_in_words(minutes: int, english: str, spanish: str) -> None:
    assert length_text(minutes) == english
    with translation.override("es"):
        assert length_text(minutes) == spanish


def test_a_change_of_a_week_is_told_in_sentences() -> None:
    wanted = [WeekSession(0, time(9), time(13), 30, 2), WeekSession(2, time(9), time(10), None, 1)]
    with translation.override("es"):
        assert WeekPlan([], wanted).in_words() == [
            "lunes 09:00-13:00 es nueva: 30 minutos por cita, 2 a la vez.",
            "miércoles 09:00-10:00 es nueva: una sola cita.",
        ]


def test_an_import_reads_weekdays_in_both_languages() -> None:
    days = weekdays_by_name()
    assert {days[word] for word in ("wednesday", "wed", "miércoles", "mié", "miercoles")} == {2}


def test_countries_are_named_in_the_language() -> None:
    assert country_names()["ES"] == "Spain"
    with translation.override("es"):
        assert country_names()["ES"] == "España"
    assert WeeklyHours._meta.verbose_name == "weekly hours"
