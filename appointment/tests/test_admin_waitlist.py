"""Staff add, list and delete waitlist entries in the admin, where offers are read-only."""

from datetime import time

import pytest

from accounts.models import User
from appointment.models import Appointment, Offer, WaitlistEntry
from appointment.tests.factories import WaitlistEntryFactory
from appointment.tests.waitlist import holders, waiting
from doctor.tests.factories import DoctorFactory, ScheduleFactory, day_ahead
from patient.models import Patient
from tests.admin_client import AdminClient, form_errors, page

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_client(superuser: User) -> AdminClient:
    return AdminClient(superuser)


def test_staff_enter_a_patient_at_the_end_of_the_line(
    admin_client: AdminClient, patient: Patient
) -> None:
    doctor = DoctorFactory()
    before = WaitlistEntryFactory(doctor=doctor)
    path = page(WaitlistEntry, "add")
    admin_client.send(
        path,
        admin_client.open(path),
        patient=patient.pk,
        doctor=doctor.pk,
        first_date=str(day_ahead(1)),
        last_date=str(day_ahead(9)),
        weekdays=["0", "4"],
        start_time="09:00",
    )
    entry = WaitlistEntry.objects.exclude(pk=before.pk).get()
    assert (entry.patient, entry.doctor, entry.weekday_bits) == (patient, doctor, 0b10001)
    assert entry.start_time == time(9)
    positions = WaitlistEntry.objects.with_position(day_ahead(0)).values_list("pk", "position")
    assert set(positions) == {(before.pk, 1), (entry.pk, 2)}


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ({}, "free place that fits"),
        ({"first_date": day_ahead(-9), "last_date": day_ahead(-8)}, "These days are over."),
        ({"last_date": day_ahead(0)}, "The last date is before the first."),
        ({"doctor": ""}, "Give either a doctor or a specialty."),
    ],
)
def test_the_page_shows_why_an_entry_is_refused(
    admin_client: AdminClient, patient: Patient, typed: dict[str, object], fault: str
) -> None:
    doctor, path = ScheduleFactory().doctor, page(WaitlistEntry, "add")
    criteria = {"doctor": doctor.pk, "first_date": day_ahead(1), "last_date": day_ahead(9), **typed}
    response = admin_client.send(path, admin_client.open(path), patient=patient.pk, **criteria)
    [reported] = form_errors(response)
    assert fault in reported
    assert not WaitlistEntry.objects.exists()


def test_the_list_shows_position_and_offer(admin_client: AdminClient, visit: Appointment) -> None:
    first, _ = waiting(visit), waiting(visit, weekday_bits=3)
    visit.cancel()
    shown = admin_client.get(page(WaitlistEntry)).content.decode()
    assert ", until " in shown
    assert "Mon, Tue" in shown
    found = admin_client.get(page(WaitlistEntry), state="offered").context["cl"].result_list
    assert [entry.pk for entry in found] == [first.pk]
    assert admin_client.status(page(first, "change")) == 200


def test_deleting_entries_passes_their_offers_on(
    admin_client: AdminClient, visit: Appointment
) -> None:
    first, second, third = waiting(visit), waiting(visit), waiting(visit)
    visit.cancel()
    admin_client.delete(first)
    assert holders(visit.slot) == [second.pk]
    admin_client.delete_all(second, third)
    assert holders(visit.slot) == []
    assert not WaitlistEntry.objects.exists()


def test_offers_are_read_only(admin_client: AdminClient, visit: Appointment) -> None:
    waiting(visit)
    visit.cancel()
    offer = Offer.objects.get()
    assert admin_client.status(page(Offer)) == 200
    assert admin_client.status(page(offer, "change")) == 200
    assert admin_client.status(page(Offer, "add")) == 403
    for response in (admin_client.send(page(offer, "change")), admin_client.delete(offer)):
        assert response.status_code == 403
    assert Offer.objects.get().status == "open"
