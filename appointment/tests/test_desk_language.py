"""The desk in Spanish: the day, the answers, the reasons of short lists, the file of figures."""

from collections.abc import Iterator
from datetime import UTC, datetime, time

import pytest
import time_machine
from django.test import Client

from accounts.models import User
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from appointment.tests.test_desk_day import cell, refresh, text_of
from doctor.models import Location, Slot
from doctor.tests.factories import ScheduleFactory
from patient.tests.factories import PatientFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 12, 2, 11, 0, tzinfo=UTC)  # a Wednesday; 12:00 in Madrid
HTMX = {"hx-request": "true"}


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def slots(here: Location) -> list[Slot]:
    """Return six times of half an hour, from 11:00 on."""
    times = {"start_time": time(11), "end_time": time(14)}
    session = ScheduleFactory(location=here, date=NOON.date(), **times)
    return list(session.slots.order_by("starts_at"))


def book(slot: Slot) -> Appointment:
    patient = PatientFactory(first_name="Ana", last_name="Ruiz")
    return AppointmentFactory(slot=slot, patient=patient, reason="Rodilla")


def desk_in(language: str, user: User) -> Client:
    client = Client(headers={"accept-language": language})
    client.force_login(user)
    return client


def click(desk: Client, visit: Appointment, action: str, **sent: str) -> str:
    answer = desk.post(f"/admin/desk/visits/{visit.pk}/{action}/", sent, headers=HTMX)
    assert answer.status_code == 200
    return text_of(answer.content.decode())


def test_the_day_and_its_refresh_are_in_the_language_of_the_page(
    staff: User, slots: list[Slot]
) -> None:
    late, desk = book(slots[0]), desk_in("es", staff)
    spanish = desk.get("/admin/desk/").content.decode()
    assert '<html lang="es"' in spanish
    assert "<h1>Miércoles, 2 de diciembre de 2026</h1>" in spanish
    english = desk_in("en", staff).get("/admin/desk/").content.decode()
    acts = {"es": "Ha llegado Atendida No se presentó Cambiar Cancelar", "en": "Check in Done"}
    assert f"retraso de 60 min Rodilla {acts['es']}" in " ".join(cell(spanish, slots[0]).split())
    assert acts["en"] in cell(english, slots[0])
    assert cell(spanish, slots[3]) == "Libre"
    counts = "0 pendientes 0 esperando 1 con retraso 0 atendidas 0 no se presentaron 0 canceladas"
    assert counts in text_of(spanish)
    late.check_in(by=staff)
    assert "esperando 0 min" in text_of(refresh(desk, spanish).content.decode())


def test_a_click_is_answered_by_a_whole_sentence_and_so_is_its_refusal(
    staff: User, slots: list[Slot], here: Location
) -> None:
    visit, desk = book(slots[2]), desk_in("es", staff)
    where = f"{visit.doctor}, mié, 2 dic 2026, 12:00 CET, {here}."
    done = click(desk, visit, "check-in")
    assert done == f"Se ha registrado la llegada de Ana Ruiz: {where} Deshacer"
    undone = click(desk, visit, "undo")
    assert undone == f"La cita de Ana Ruiz vuelve a estar pendiente: {where}"
    click(desk, visit, "done")
    refused = click(desk, visit, "check-in")
    assert refused.startswith("La cita no puede")
    assert refused.endswith(f". Se ha atendido a Ana Ruiz: {where}")


def test_a_reason_is_stored_in_english_and_shown_in_the_language_of_the_reader(
    staff: User, slots: list[Slot]
) -> None:
    visit, desk = book(slots[4]), desk_in("es", staff)
    panel = desk.get(f"/admin/desk/visits/{visit.pk}/cancel/").content.decode()
    assert 'value="Patient asked">A petición del paciente</button>' in panel
    click(desk, visit, "cancel", reason="Patient asked", detail="se muda")
    visit.refresh_from_db()
    assert visit.cancel_reason == "Patient asked: se muda"
    shown = cell(desk.get("/admin/desk/").content.decode(), slots[4])
    assert "Ana Ruiz , A petición del paciente: se muda" in shown
    other = cell(desk_in("en", staff).get("/admin/desk/").content.decode(), slots[4])
    assert "Ana Ruiz , Patient asked: se muda" in other


def test_the_file_of_figures_has_spanish_headings(staff: User, slots: list[Slot]) -> None:
    path = "/admin/desk/figures/?from=2026-12-02&to=2026-12-02&by=month&format=csv"
    lines = desk_in("es", staff).get(path).content.decode().splitlines()
    assert lines[0].lstrip("\ufeff") == (
        "Mes,Plazas,Ocupadas,Reservadas,Atendidas,No se presentó,Canceladas,Ocupación (%),"
        "Antelación (días)"
    )
    assert lines[-1].startswith("Total,6,")
