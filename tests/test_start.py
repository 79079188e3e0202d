"""The start page, and the shell commands that it shares with the box in the terminal."""

import json
import subprocess
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.core.mail import EmailMessage
from django.test import Client

from accounts.models import User
from accounts.tests.factories import UserFactory
from appointment.demo.logins import LOGINS, PASSWORD, PATIENT
from appointment.models import Appointment
from config.pages import LINKS, PROBES, Welcome
from doctor.models import Schedule
from doctor.tests.factories import ScheduleFactory

BASE = "http://testserver"
SECRET = "7-d1kx2q-0c5d"


@pytest.fixture
def demo_patient(db: None) -> User:
    return UserFactory(email=PATIENT.email, password=PASSWORD)


def page(client: Client) -> str:
    response = client.get("/")
    assert response.status_code == 200
    return unescape(response.content.decode())


@pytest.mark.parametrize("link", LINKS + PROBES, ids=lambda link: link.path)
def test_every_link_of_the_page_leads_somewhere(client: Client, db: None, link: Any) -> None:
    assert f'href="{link.path}"' in page(client)
    assert client.get(link.path, follow=True).status_code == 200


def test_the_page_sets_no_cookie_and_reads_no_session(client: Client, db: None) -> None:
    response = client.get("/")
    assert response.cookies == {}
    assert not response.wsgi_request.session.accessed


def test_the_page_holds_neither_style_nor_script_and_its_files_exist(
    client: Client, db: None
) -> None:
    html = page(client)
    assert [word for word in ("<style", "style=", "<script", "onclick") if word in html] == []
    for name in ("config/start.css", "config/icon.svg"):
        assert f"/static/{name}" in html
        assert finders.find(name)


def test_the_page_names_the_newest_mail_of_a_demo(
    client: Client,
    demo_patient: User,
    settings: Any,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path
    monkeypatch.setitem(settings.MAIL, "EMAIL_FILE_PATH", tmp_path)
    assert "The latest is" not in page(client)
    for subject in ("First", "Reservada: mié, 2 dic 2026, Clínica"):
        EmailMessage(subject, f"Subject: no\n\n{SECRET}", to=["a@example.com"]).send()
    (newest,) = sorted(tmp_path.iterdir(), key=lambda file: file.stat().st_mtime)[-1:]
    shown = page(client)
    assert "The latest is “Reservada: mié, 2 dic 2026, Clínica”" in shown
    assert newest.name in shown
    assert SECRET not in shown


def test_the_page_answers_reads_only(client: Client, db: None) -> None:
    assert client.head("/").status_code == 200
    assert client.put("/").status_code == 405


def test_the_page_is_shown_without_a_database(client: Client, unreachable: None) -> None:
    assert "/api/docs/" in page(client)


def test_a_demo_shows_the_logins_that_exist(client: Client, demo_patient: User) -> None:
    html = page(client)
    assert PASSWORD in html
    shown = [login.email for login in LOGINS if login.email in html]
    assert shown == [PATIENT.email]


def test_an_empty_demo_shows_no_password(client: Client, db: None) -> None:
    assert PASSWORD not in page(client)


def test_production_shows_no_login_though_its_address_exists(
    client: Client, demo_patient: User, settings: Any
) -> None:
    settings.ENVIRONMENT = "production"
    html = page(client)
    assert PASSWORD not in html
    assert PATIENT.email not in html


def test_the_page_and_the_box_show_the_same_commands(
    client: Client, demo_patient: User, db: None
) -> None:
    ScheduleFactory()
    welcome = Welcome.to(BASE)
    assert f"<code>{welcome.booking}</code>" in page(client)
    assert welcome.booking in welcome.box()


def test_the_box_names_every_address_within_its_frame(db: None) -> None:
    lines = Welcome.to(f"{BASE}/").box().splitlines()
    frame = lines[: lines.index(lines[0], 1) + 1]
    assert len({len(line) for line in frame}) == 1
    for link in LINKS + PROBES:
        assert any(f" {BASE}{link.path} " in line for line in frame)


def test_the_commands_name_a_doctor_with_free_places(
    client: Client, demo_patient: User, appointment_in: Callable[[Schedule], Appointment]
) -> None:
    full = ScheduleFactory(slot_minutes=None)
    appointment_in(full)
    free = ScheduleFactory()
    assert Welcome.to(BASE).doctor == free.doctor.pk


@pytest.fixture
def appointment_in(patient: Any) -> Callable[[Schedule], Appointment]:
    """Return a function that books the session's first slot for `patient`."""

    def book(schedule: Schedule) -> Appointment:
        return Appointment(patient=patient, slot=schedule.slots.first()).book()

    return book


def run(commands: str) -> dict[str, Any]:
    """Run the commands in a POSIX shell, and return the JSON object that they print."""
    done = subprocess.run(
        ["sh", "-e"], input=commands, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stderr == ""
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_pasted_into_a_shell_the_commands_book_again_and_again(
    live_server: Any, transactional_db: None
) -> None:
    patient = UserFactory(email=PATIENT.email, password=PASSWORD)
    ScheduleFactory(capacity=5)  # a place stays free in every slot
    commands = Welcome.to(live_server.url).booking
    starts = [run(commands)["starts_at"] for _ in range(3)]

    assert starts == sorted(set(starts))
    assert Appointment.objects.filter(booked_by=patient).count() == 3
