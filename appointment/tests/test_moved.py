"""`moved`: whether the time of a visit has ever changed, in the API and in the admin."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from accounts.models import User
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Slot
from doctor.tests.factories import TimeOffFactory
from tests.admin_client import AdminClient, page

pytestmark = pytest.mark.django_db

MINE = "/api/appointment/my-appointments/"


def other_slot(visit: Appointment) -> Slot:
    slot: Slot = visit.slot.schedule.slots.exclude(pk=visit.slot_id).first()
    return slot


def test_a_visit_is_moved_once_it_is_in_another_slot(client_of: Any) -> None:
    visit = AppointmentFactory()
    client, first, second = client_of(visit.booked_by), visit.slot_id, other_slot(visit).pk
    seen = [client.get(f"{MINE}{visit.pk}/").json()["moved"]]
    for slot in (second, first):  # back again: it has been moved all the same
        body = {"slot_id": slot}
        seen.append(client.post(f"/api/appointment/reschedule/{visit.pk}/", body).json()["moved"])
        seen += [row["moved"] for row in client.get(MINE).json()["results"]]
    seen.append(client.post(f"/api/appointment/cancel/{visit.pk}/").json()["moved"])
    assert seen == [False, True, True, True, True, True]


def test_a_refused_move_leaves_a_visit_unmoved(client_of: Any) -> None:
    visit = AppointmentFactory()
    AppointmentFactory(slot=other_slot(visit))
    client = client_of(visit.booked_by)
    path = f"/api/appointment/reschedule/{visit.pk}/"
    assert client.post(path, {"slot_id": other_slot(visit).pk}).status_code == 409
    visit.refresh_from_db()
    assert visit.moved is False


def test_a_visit_that_staff_move_off_the_work_list_is_moved(staff: User, client_of: Any) -> None:
    visit = AppointmentFactory()
    slot = AppointmentFactory().slot.schedule.slots.last()
    TimeOffFactory(doctor=visit.doctor)
    client, path = client_of(staff), "/api/appointment/rebooking/"
    [row] = client.get(path).json()["results"]
    assert row["appointment"]["moved"] is False
    assert client.post(f"{path}{visit.pk}/move/", {"slot_id": slot.pk}).json()["moved"] is True


def test_the_admin_shows_and_filters_what_was_moved(staff: User) -> None:
    moved, still = AppointmentFactory(), AppointmentFactory()
    moved.reschedule(to=other_slot(moved))
    reception = AdminClient(staff)
    found = {
        value: [row.pk for row in reception.get(page(Appointment), **query).context["cl"].queryset]
        for value, query in {1: {"moved__exact": 1}, 0: {"moved__exact": 0}}.items()
    }
    assert found == {1: [moved.pk], 0: [still.pk]}
    html = reception.get(page(Appointment)).content.decode()
    assert html.count("<br>moved") == 1
    assert ">Moved" in reception.get(page(moved, "change")).content.decode()


@pytest.mark.both_databases
def test_the_migration_notes_the_moves_of_the_past(monkeypatch: pytest.MonkeyPatch) -> None:
    visits = [AppointmentFactory() for _ in range(4)]
    for visit in visits[:3]:
        visit.reschedule(to=other_slot(visit))
    visits[0].reschedule(to=other_slot(visits[0]))
    Appointment.objects.update(moved=False)
    loader = MigrationLoader(connection)
    notes: list[Any] = [
        getattr(migration.operations[0], "code")  # noqa: B009  (of RunPython)
        for (_, name), migration in loader.disk_migrations.items()
        if name.endswith("_note_moved_visits")
    ]
    [note] = notes
    monkeypatch.setitem(note.__globals__, "BATCH", 2)
    note(apps, None)
    rows = Appointment.objects.filter(moved=True).values_list("pk", flat=True)
    assert set(rows) == {visit.pk for visit in visits[:3]}
