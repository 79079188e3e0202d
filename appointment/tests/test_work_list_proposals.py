"""The times proposed for the visits of the work list: the same on each page, no place for two."""

from datetime import date, time, timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import StaffFactory
from appointment.admin.work_list import WorkListAdmin
from appointment.models import Appointment, WorkListItem
from appointment.models.alternatives import CandidateSlots
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import SlotFull
from doctor.models import Doctor, Slot
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    SpecialtyFactory,
    TimeOffFactory,
    day_ahead,
)
from patient.tests.factories import PatientFactory
from tests.admin_client import AdminClient, form_errors, page
from tests.balance import assert_balanced
from tests.people import reception_group
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db

LIST = page(WorkListItem)
API = "/api/appointment/rebooking/"


@pytest.fixture
def reception(staff: User) -> AdminClient:
    return AdminClient(staff)


@pytest.fixture
def doctor() -> Doctor:
    """Return a doctor with a colleague, who has two places six days ahead."""
    doctor, colleague = DoctorFactory.create_batch(2)
    doctor.specialties.add(SpecialtyFactory())
    colleague.specialties.set(doctor.specialties.all())
    ScheduleFactory(doctor=colleague, date=day_ahead(6), end_time=time(10))
    return doctor


def ill(doctor: Doctor, visits: int = 6, places: int = 9) -> list[WorkListItem]:
    """Return this many visits, half an hour each, of a doctor on leave; some places come later."""
    end = time(9 + visits // 2, visits % 2 * 30)
    slots = list(ScheduleFactory(doctor=doctor, end_time=end).slots.order_by("starts_at"))
    hit = [AppointmentFactory(slot=slot) for slot in slots]
    if places:
        later = {"date": day_ahead(4), "slot_minutes": 20}
        ScheduleFactory(doctor=doctor, end_time=time(9 + places // 3, places % 3 * 20), **later)
    TimeOffFactory(doctor=doctor)
    rows = WorkListItem.objects.filter(pk__in=[visit.pk for visit in hit])
    return list(rows.order_by("starts_at"))


def listed(reception: AdminClient, **query: Any) -> dict[int, list[int]]:
    """Map each visit on a page of the list to the keys of its proposed slots."""
    rows = reception.get(LIST, **query).context["cl"].result_list
    return {row.pk: [pk for pk, _ in row.alternatives] for row in rows}


def opened(reception: AdminClient, visit: Any) -> list[int]:
    """Return the keys of the slots that the page of a visit proposes."""
    form = reception.get(page(visit, "change")).context["adminform"].form
    return [int(key) for key, _ in form.fields["decision"].choices if key.isdigit()]


def api_page(client: APIClient, number: int) -> dict[int, list[int]]:
    rows = client.get(API, {"page": number, "page_size": 2}).json()["results"]
    return {row["id"]: [slot["id"] for slot in row["alternatives"]] for row in rows}


def free(doctor: Doctor) -> list[Slot]:
    return list(Slot.objects.filter(doctor=doctor, is_open=True).order_by("starts_at"))


def test_the_page_of_a_visit_proposes_what_the_list_shows(
    reception: AdminClient, doctor: Doctor
) -> None:
    visits, others = ill(doctor), ill(DoctorFactory())
    shown = listed(reception)
    assert [len(shown[visit.pk]) for visit in visits] == [2, 2, 2, 2, 2, 1]
    assert {visit.pk: opened(reception, visit) for visit in (*others, *visits)} == shown


def test_two_receptionists_with_two_open_visits_are_not_offered_one_place(
    reception: AdminClient, doctor: Doctor
) -> None:
    colleague = StaffFactory()
    colleague.groups.add(reception_group())
    visits = ill(doctor, places=0)  # the colleague's two places are all that is left
    offers = [opened(reception, visits[0]), opened(AdminClient(colleague), visits[1])]
    assert offers == [[slot.pk] for slot in free(Doctor.objects.exclude(pk=doctor.pk).get())]
    assert [opened(reception, visit) for visit in visits[2:]] == [[]] * 4


def test_filters_pages_and_other_orders_show_the_same_proposals(
    reception: AdminClient, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, others = ill(doctor), ill(DoctorFactory())
    everything = listed(reception)
    one = {mine[3].pk: everything[mine[3].pk]}
    assert listed(reception, doctor__id__exact=doctor.pk) == {
        visit.pk: everything[visit.pk] for visit in mine
    }
    mine[3].patient.revise(last_name="Zubizarreta")
    assert listed(reception, q="zubiza") == one
    assert listed(reception, o="-1") == everything
    monkeypatch.setattr(WorkListAdmin, "list_per_page", 5)
    found = [listed(reception, p=number) for number in (1, 2, 3)]
    assert {pk: keys for each in found for pk, keys in each.items()} == everything
    assert [len(each) for each in found] == [5, 5, len(mine + others) - 10]


def test_a_second_page_of_the_api_proposes_no_place_of_the_first(
    reception: AdminClient, staff: User, client_of: Any, doctor: Doctor
) -> None:
    ill(doctor)
    pages = [api_page(client_of(staff), number) for number in (1, 2, 3)]
    proposed = [key for found in pages for keys in found.values() for key in keys]
    assert len(proposed) == len(set(proposed)) == 11
    assert {pk: keys for found in pages for pk, keys in found.items()} == listed(reception)


def test_a_proposal_taken_since_gives_a_message_and_another_one(
    reception: AdminClient, doctor: Doctor
) -> None:
    visit = ill(doctor)[0]
    path, lost = page(visit, "change"), free(doctor)[0]
    form = reception.open(path)
    assert form["decision"] == [str(lost.pk)]
    AppointmentFactory(slot=lost)
    refused = reception.send(path, form, cancel_because="as typed")
    replacement = opened(reception, visit)[0]
    [sentence] = form_errors(refused)
    assert "no longer free, so the visit is not moved. Proposed instead: " in sentence
    html = refused.content.decode()
    assert f'value="{replacement}"' in html
    assert f'value="{lost.pk}"' not in html
    assert 'value="as typed"' in html
    visit.refresh_from_db()
    assert (visit.needs_rebooking, visit.status) == (True, "scheduled")
    reception.change(visit, decision=str(replacement))
    visit.refresh_from_db()
    assert visit.slot_id == replacement
    assert_balanced(visit.slot)


def test_a_proposal_taken_at_the_last_moment_gives_another_one_too(
    reception: AdminClient, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit, lost, other = ill(doctor)[0], free(doctor)[0], PatientFactory()
    form, show = reception.open(page(visit, "change")), WorkListAdmin.as_validation_error

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise SlotFull

    def taken_by_another(self: WorkListAdmin, error: Exception) -> Any:
        # Here, since the transaction of the form is rolled back.
        AppointmentFactory(slot=lost, patient=other, booked_by=None)
        return show(self, error)

    monkeypatch.setattr(Appointment, "reschedule", refuse)
    monkeypatch.setattr(WorkListAdmin, "as_validation_error", taken_by_another)
    refused = reception.send(page(visit, "change"), form)
    assert "Proposed instead: " in form_errors(refused)[0]
    assert f'value="{opened(reception, visit)[0]}"' in refused.content.decode()
    assert_balanced(lost)


def test_a_time_proposed_to_another_visit_by_now_is_taken_while_it_is_free(
    reception: AdminClient, doctor: Doctor
) -> None:
    first, second, third = ill(doctor, visits=3)
    form = reception.open(page(second, "change"))
    chosen = int(form["decision"][0])
    first.cancel()  # its places are proposed to the others now
    assert chosen not in opened(reception, second)
    reception.send(page(second, "change"), form)
    second.refresh_from_db()
    assert second.slot_id == chosen
    assert chosen not in opened(reception, third)


def test_visits_that_are_over_take_no_place_from_those_to_come(reception: AdminClient) -> None:
    """The soonest of those to come has the first choice, then the latest of those that are over."""
    doctor = DoctorFactory()
    over, older = (
        AppointmentFactory(slot=ScheduleFactory(doctor=doctor, date=day_ahead(-days)).slots.first())
        for days in (1, 2)
    )
    Appointment.objects.filter(pk__in=[over.pk, older.pk]).update(needs_rebooking=True)
    visit = ill(doctor, visits=1, places=2)[0]
    first, second = (slot.pk for slot in free(doctor)[-2:])
    assert listed(reception) == {visit.pk: [first], over.pk: [second], older.pk: []}


def test_a_slot_at_another_site_is_not_named(member: User, doctor: Doctor) -> None:
    here = member.site_memberships.get().location
    slot = ScheduleFactory(doctor=doctor, location=here).slots.first()
    visit, elsewhere = (
        AppointmentFactory(slot=slot),
        ScheduleFactory(doctor=doctor, date=day_ahead(5)),
    )
    TimeOffFactory(doctor=doctor)
    reception, row = AdminClient(member), WorkListItem.objects.get(pk=visit.pk)
    refused = reception.change(row, decision=str(elsewhere.slots.first().pk))
    assert form_errors(refused)[0].startswith("That time: no longer free")


def test_no_time_is_proposed_where_other_visits_reach_the_limit(doctor: Doctor) -> None:
    """Moving there would be refused; the visit itself does not count."""
    visit = ill(doctor, visits=1, places=0)[0]
    strict = LocationFactory(max_live_per_patient=1)
    there = ScheduleFactory(doctor=doctor, location=strict, date=day_ahead(5))
    reception = AdminClient(_staff())
    assert opened(reception, visit)[0] == there.slots.order_by("starts_at").first().pk
    AppointmentFactory(
        patient=visit.patient,
        slot=ScheduleFactory(location=strict, date=day_ahead(9)).slots.first(),
    )
    assert not set(opened(reception, visit)) & {slot.pk for slot in there.slots.all()}


def test_no_times_that_overlap_are_proposed_for_two_visits_of_one_patient(doctor: Doctor) -> None:
    """Two colleagues have a place each at one time: only one of the visits can move there."""
    colleague = DoctorFactory()
    colleague.specialties.set(doctor.specialties.all())
    Slot.objects.all().delete()
    for each in Doctor.objects.exclude(pk=doctor.pk):
        ScheduleFactory(doctor=each, date=day_ahead(6), end_time=time(9, 30))
    visit, other = ill(doctor, visits=2, places=0)
    Appointment.objects.filter(pk=other.pk).update(patient=visit.patient)
    reception = AdminClient(_staff())
    assert [len(keys) for keys in listed(reception).values()] == [2, 0]


@pytest.mark.both_databases
def test_every_doctor_of_a_long_list_finds_own_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slots that are read are counted by doctor: those of one push out no other doctor's."""
    monkeypatch.setattr("appointment.models.alternatives.OWN_OPTIONS", 0)
    monkeypatch.setattr("appointment.models.alternatives.OTHER_OPTIONS", 0)
    monkeypatch.setattr("appointment.models.alternatives.MAX_TERMS", 2)
    doctors = DoctorFactory.create_batch(5)
    visits = []
    for number, doctor in enumerate(doctors):
        on: date = day_ahead(3 + 2 * number)
        visits.append(
            AppointmentFactory(slot=ScheduleFactory(doctor=doctor, date=on).slots.first())
        )
        ScheduleFactory(doctor=doctor, date=on + timedelta(days=1), end_time=time(19))
        TimeOffFactory(doctor=doctor, starts_at=visits[-1].starts_at)
    reception = AdminClient(_staff())
    shown = listed(reception)
    own = {visit.pk: [slot.pk for slot in free(visit.doctor)[:3]] for visit in visits}
    assert shown == own


@pytest.mark.both_databases
def test_the_slots_read_of_a_doctor_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in {"OWN_OPTIONS": 3, "OTHER_OPTIONS": 1, "OPTIONS_PER_VISIT": 2}.items():
        monkeypatch.setattr(f"appointment.models.alternatives.{name}", number)
    slots = ScheduleFactory(end_time=time(19)).slots.order_by("starts_at")
    visit = AppointmentFactory(slot=slots[10])
    own, _ = CandidateSlots([visit], timezone.now(), Slot.objects.all()).timelines[visit.doctor_id]
    assert [each.pk for each in own.unused] == [slot.pk for slot in slots[7:15]]


def _staff() -> User:
    user: User = StaffFactory()
    user.groups.add(reception_group())
    return user


@pytest.mark.parametrize("where", ["list", "page", "api"])
def test_the_statements_do_not_grow_with_the_list(
    where: str, reception: AdminClient, staff: User, client_of: Any
) -> None:
    costs, client = [], client_of(staff)
    for number in (1, 7):
        visit = ill(DoctorFactory(), visits=number)[0]
        with counted_statements() as found:
            match where:
                case "list":
                    listed(reception)
                case "page":
                    opened(reception, visit)
                case "api":
                    client.get(API)
        costs.append(len(found))
    assert costs[0] == costs[1]
