"""Several people use the admin at once: one wins, the others get a message, nothing is lost."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db.models import Model
from django.db.models.signals import m2m_changed

from accounts.models import User
from accounts.tests.factories import SuperuserFactory, UserFactory
from appointment.exceptions import NotCancelable
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import SlotFull
from doctor.models import Schedule, Slot, Specialty
from doctor.tests.factories import ScheduleFactory, day_ahead
from patient.models import MedicalHistory, Patient
from patient.tests.factories import MedicalHistoryFactory, PatientFactory
from tests.admin_client import AdminClient, form_errors, messages_of, page
from tests.balance import assert_balanced
from tests.threads import run_together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


def admin_clients(count: int) -> list[AdminClient]:
    """Return clients of new superusers, signed in here so that no login is part of the race."""
    return [AdminClient(SuperuserFactory()) for _ in range(count)]


def saying(words: str, answers: list[Any]) -> int:
    """Count the responses whose HTML has the words.

    The test does not read `response.context`, which Django mixes up between threads.
    """
    return sum(words in answer.content.decode() for answer in answers)


def test_of_many_who_add_one_name_one_succeeds_and_the_others_are_reported() -> None:
    staff = admin_clients(8)
    answers: list[Any] = run_together(
        8, lambda n: staff[n].send(page(Specialty, "add"), name="Cardiology")
    )
    assert [answer.status_code for answer in answers] == [200] * 8
    assert saying("A specialty of this name exists already.", answers) == 7
    assert saying("Somebody else changed this meanwhile.", answers) == 0, "the form says it better"
    assert saying("was added successfully", answers) == 1
    assert Specialty.objects.count() == 1


def test_of_many_who_book_the_last_place_one_succeeds_and_the_others_are_reported() -> None:
    slot, staff = ScheduleFactory().slots.first(), admin_clients(8)
    people = [PatientFactory() for _ in staff]
    answers: list[Any] = run_together(
        8,
        lambda n: staff[n].send(
            page(Appointment, "add"), patient=people[n].pk, slot=slot.pk, reason="Mine"
        ),
    )
    assert [answer.status_code for answer in answers] == [200] * 8
    assert saying(f"{SlotFull.staff_message} Free instead: ", answers) == 7
    assert saying("was added successfully", answers) == 1
    assert_balanced(slot)
    assert Appointment.objects.get().events.count() == 1


@pytest.mark.parametrize("kind", ["patient", "schedule", "appointment"])
def test_of_many_who_delete_one_row_none_meets_an_error(kind: str) -> None:
    visit = AppointmentFactory()
    slot = visit.slot
    MedicalHistoryFactory(patient=visit.patient)
    row: Model = {"patient": visit.patient, "appointment": visit}.get(kind) or ScheduleFactory()
    staff = admin_clients(6)
    answers: list[Any] = run_together(6, lambda n: staff[n].delete(row))
    assert [answer.status_code for answer in answers] == [200] * 6, answers
    assert not type(row)._default_manager.filter(pk=row.pk).exists()
    assert_balanced(slot)


def test_of_many_who_cancel_one_appointment_one_releases_its_place() -> None:
    visit, staff = AppointmentFactory(), admin_clients(6)
    answers: list[Any] = run_together(6, lambda n: staff[n].act("cancel", visit))
    assert saying("1 canceled.", answers) == 1
    assert saying(str(NotCancelable.staff_message), answers) == 5
    assert visit.events.filter(kind="canceled").count() == 1
    assert_balanced(visit.slot)


def test_bulk_erasures_and_bookings_do_not_lock_each_other_out() -> None:
    """Each erasure locks several people. Each booking locks a person and a shared slot."""
    slots = [ScheduleFactory(capacity=50, date=day_ahead(n + 3)).slots.first() for n in range(4)]
    people = [PatientFactory() for _ in range(8)]
    for slot in slots[:2]:
        for patient in people:
            AppointmentFactory(patient=patient, slot=slot)
    staff = admin_clients(6)

    def work(n: int) -> Any:
        if n % 2:
            return staff[n].delete_all(*(people[n - 1 : n + 2] if n < 5 else people[::-1]))
        typed = {"patient": people[n].pk, "slot": slots[2 + n % 4 // 2].pk}
        return staff[n].send(page(Appointment, "add"), **typed)

    answers: list[Any] = run_together(6, work)
    assert [answer.status_code for answer in answers] == [200] * 6, answers
    assert saying("database was busy", answers) == 0
    assert not Patient.objects.filter(pk__in=[patient.pk for patient in people]).exists()
    for slot in slots:
        assert_balanced(slot)


@pytest.mark.usefixtures("row_by_row")
def test_publishing_and_bulk_deleting_sessions_do_not_lock_each_other_out() -> None:
    sessions = [ScheduleFactory(date=day_ahead(n + 3)) for n in range(6)]
    visit, staff = AppointmentFactory(slot=sessions[5].slots.first()), admin_clients(4)

    def work(n: int) -> Any:
        if n == 0:
            return staff[n].delete_all(*sessions[:4])
        if n == 1:
            return staff[n].delete_all(*sessions[3::-1])
        return staff[n].change(sessions[n + 2], capacity="5")

    answers: list[Any] = run_together(4, work)
    assert [answer.status_code for answer in answers] == [200] * 4, answers
    assert set(Schedule.objects.values_list("pk", "capacity")) == {
        (sessions[4].pk, 5),
        (sessions[5].pk, 5),
    }
    assert Slot.objects.count() == 8
    assert_balanced(visit.slot)


def test_two_who_change_different_fields_at_one_moment_both_succeed() -> None:
    patient, staff = PatientFactory(), admin_clients(2)
    typed = [{"address": "Calle Mayor 1"}, {"phone_number": "+34612345678"}]
    run_together(2, lambda n: staff[n].change(patient, **typed[n]))
    patient.refresh_from_db()
    assert (patient.address, str(patient.phone_number)) == ("Calle Mayor 1", "+34612345678")


def test_history_entered_while_the_person_is_erased_is_not_left_behind() -> None:
    patient, staff = PatientFactory(), admin_clients(4)

    def work(n: int) -> Any:
        if n == 0:
            return staff[n].delete(patient)
        typed = {"kind": "allergy", "status": "active", "description": "Nuts"}
        return staff[n].send("/admin/patient/medicalhistory/add/", patient=patient.pk, **typed)

    answers: list[Any] = run_together(4, work)
    assert [answer.status_code for answer in answers] == [200] * 4, answers
    assert not Patient.objects.exists()
    assert not MedicalHistory.objects.exists()


def test_a_failed_commit_removes_the_message_of_success() -> None:
    """The database checks foreign keys at commit, after the admin added its message of success."""
    user, group, [admin_client] = (
        UserFactory(),
        Group.objects.create(name="Billing"),
        admin_clients(1),
    )

    def gone_meanwhile(**signal: Any) -> None:
        if signal["action"] == "post_add":
            Group.objects.filter(pk=group.pk)._raw_delete("default")

    m2m_changed.connect(gone_meanwhile, sender=User.groups.through)
    try:
        answer = admin_client.change(user, groups=[group.pk], first_name="Typed")
    finally:
        m2m_changed.disconnect(gone_meanwhile, sender=User.groups.through)
    assert form_errors(answer) == ["Somebody else changed this meanwhile. Look it over again."]
    assert messages_of(answer) == []
    assert 'value="Typed"' in answer.content.decode()
    user.refresh_from_db()
    assert user.first_name != "Typed"
