"""Staff amend, conclude and delete appointments in the admin, which calls the model's verbs."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission

from accounts.models import User
from accounts.tests.factories import StaffFactory
from appointment.exceptions import InvalidTransition
from appointment.models import Appointment, AppointmentEvent
from appointment.tests.factories import AppointmentFactory
from doctor.models import Slot
from doctor.tests.factories import ScheduleFactory, day_ahead
from extensions.formats import day_text
from patient.models import Patient
from tests.admin_client import AdminClient, form_errors, messages_of, page
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db


@pytest.fixture
def reception(staff: User) -> AdminClient:
    return AdminClient(staff)


@pytest.fixture
def appointment() -> Appointment:
    return AppointmentFactory()


def later(user: User, appointment: Appointment, action: str, *more: Appointment) -> Any:
    """Apply an admin action to the appointments one minute after `appointment` begins."""
    with time_machine.travel(appointment.starts_at + timedelta(minutes=1), tick=False):
        return AdminClient(user).act(action, appointment, *more)


# --- Changing ---


@pytest.mark.parametrize("status", ["scheduled", "canceled"])
def test_the_reason_and_the_slot_of_a_live_visit_can_be_edited(
    reception: AdminClient, appointment: Appointment, status: str
) -> None:
    if status == "canceled":
        appointment.cancel()
    sent = {name for name in reception.open(page(appointment, "change")) if "initial" not in name}
    moving = {"slot", "override_reason"} if status == "scheduled" else set()
    assert sent - {"csrfmiddlewaretoken"} == {"reason", *moving}


def test_editing_the_reason_amends(
    reception: AdminClient, staff: User, appointment: Appointment
) -> None:
    reception.change(appointment, reason="Follow-up")
    appointment.refresh_from_db()
    assert appointment.reason == "Follow-up"
    assert appointment.events.get(kind="amended").actor == staff


def test_saving_without_a_change_leaves_no_event(
    reception: AdminClient, appointment: Appointment
) -> None:
    reception.change(appointment)
    assert [event.kind for event in appointment.events.all()] == ["booked"]


def test_read_only_fields_in_a_form_change_nothing(
    superuser: User, appointment: Appointment, other_patient: Patient
) -> None:
    before = Appointment.objects.values().get()
    forged: dict[str, Any] = {"status": "completed", "patient": other_patient.pk}
    forged |= {"starts_at_0": "2020-01-01", "starts_at_1": "09:00", "doctor": "1", "reason": "New"}
    AdminClient(superuser).change(appointment, **forged)
    assert Appointment.objects.values().get() == {**before, "reason": "New"}


def test_the_reason_of_an_erased_persons_visit_cannot_be_changed(
    superuser: User, appointment: Appointment
) -> None:
    with time_machine.travel(appointment.ends_at):
        appointment.patient.erase()
        admin_client = AdminClient(superuser)
        assert "reason" not in admin_client.open(page(appointment, "change"))
        admin_client.send(page(appointment, "change"), reason="It was Ana")
    appointment.refresh_from_db()
    assert appointment.reason == ""


def test_an_appointment_that_was_deleted_meanwhile_is_reported(
    reception: AdminClient, appointment: Appointment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A colleague deletes the appointment after the form validates and before `amend` runs."""
    amend = Appointment.amend

    def too_late(self: Appointment, reason: str, by: User) -> Appointment:
        Appointment.objects.get().discard()
        return amend(self, reason, by=by)

    monkeypatch.setattr(Appointment, "amend", too_late)
    answer = reception.change(appointment, reason="Typed at length")
    assert len(form_errors(answer)) == 1
    assert "Typed at length" in answer.content.decode()


def test_the_page_shows_each_event_with_its_actor_on_the_local_clock(
    reception: AdminClient, staff: User, patient: Patient
) -> None:
    slot = ScheduleFactory(location__time_zone="Asia/Tokyo").slots.first()
    appointment = AppointmentFactory(patient=patient, slot=slot)
    appointment.cancel(by=staff)
    html = reception.get(page(appointment, "change")).content.decode()
    assert f"{day_text(slot.schedule.date)}, 08:00 JST: Booked by the patient" in html
    assert f"Canceled by {staff.name}" in html
    assert staff.email not in html
    assert patient.user.email not in html


# --- Actions ---


def test_cancel_gives_the_place_back(
    reception: AdminClient, staff: User, appointment: Appointment
) -> None:
    answer = reception.act("cancel", appointment)
    appointment.refresh_from_db()
    assert (appointment.status, messages_of(answer)) == ("canceled", ["1 canceled."])
    assert appointment.events.get(kind="canceled").actor == staff
    assert_balanced(appointment.slot)
    assert appointment.slot.taken == 0


@pytest.mark.parametrize(
    ("action", "status", "words"),
    [
        ("complete", "completed", "1 completed."),
        ("mark_no_show", "no_show", "1 marked as no-show."),
    ],
)
def test_begun_appointments_are_concluded(
    staff: User, appointment: Appointment, action: str, status: str, words: str
) -> None:
    answer = later(staff, appointment, action)
    appointment.refresh_from_db()
    assert (appointment.status, messages_of(answer)) == (status, [words])
    assert appointment.events.get(kind=status).actor == staff
    assert_balanced(appointment.slot)


@pytest.mark.parametrize("action", ["complete", "mark_no_show"])
def test_a_refused_action_names_the_appointment(
    reception: AdminClient, appointment: Appointment, action: str
) -> None:
    answer = reception.act(action, appointment)
    refusal = f"{appointment}: {InvalidTransition.staff_message}"
    assert messages_of(answer) == [refusal]
    appointment.refresh_from_db()
    assert appointment.status == "scheduled"


def test_an_action_names_the_refused_appointments_and_changes_the_others(
    reception: AdminClient, appointment: Appointment
) -> None:
    canceled, other = AppointmentFactory(), AppointmentFactory()
    canceled.cancel()
    answer = reception.act("cancel", appointment, canceled, other)
    assert messages_of(answer)[0] == "2 canceled."
    assert messages_of(answer)[1].startswith(f"{canceled}: ")
    assert set(Appointment.objects.values_list("status")) == {("canceled",)}
    assert AppointmentEvent.objects.filter(kind="canceled").count() == 3
    for slot in Slot.objects.all():
        assert_balanced(slot)


def test_an_action_on_a_long_list_reports_some_appointments_by_number_only(superuser: User) -> None:
    slot = ScheduleFactory(capacity=30).slots.first()
    visits = [AppointmentFactory(slot=slot) for _ in range(25)]
    answer = AdminClient(superuser).act("complete", visits[0], select_across=1)
    assert len(messages_of(answer)) == 21
    assert messages_of(answer)[-1] == "5 more were refused."


def test_an_action_is_logged_without_the_patient(
    reception: AdminClient, appointment: Appointment
) -> None:
    reception.act("cancel", appointment)
    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.change_message) == (str(appointment), "Canceled.")


def test_actions_need_the_permission_to_change(appointment: Appointment) -> None:
    viewer = StaffFactory()
    viewer.user_permissions.add(Permission.objects.get(codename="view_appointment"))
    AdminClient(viewer).act("cancel", appointment)
    appointment.refresh_from_db()
    assert appointment.status == "scheduled"


# --- Deleting ---


def test_deleting_an_appointment_discards_it_and_gives_its_place_back(
    superuser: User, appointment: Appointment
) -> None:
    slot = appointment.slot
    AdminClient(superuser).delete(appointment)
    assert not Appointment.objects.exists()
    assert not AppointmentEvent.objects.exists()
    assert_balanced(slot)
    assert slot.taken == 0


def test_deleting_a_canceled_appointment_gives_no_place_back(superuser: User) -> None:
    slot = ScheduleFactory(capacity=2).slots.first()
    canceled, kept = AppointmentFactory(slot=slot), AppointmentFactory(slot=slot)
    canceled.cancel()
    AdminClient(superuser).delete(canceled)
    assert list(Appointment.objects.all()) == [kept]
    assert_balanced(slot)


def test_bulk_deletion_gives_every_place_back(superuser: User) -> None:
    slot = ScheduleFactory(capacity=3).slots.first()
    visits = [AppointmentFactory(slot=slot) for _ in range(3)]
    elsewhere = AppointmentFactory()
    answer = AdminClient(superuser).delete_all(*visits, elsewhere)
    assert messages_of(answer) == ["Successfully deleted 4 visits."]
    assert not Appointment.objects.exists()
    for each in Slot.objects.all():
        assert_balanced(each)


def test_only_superusers_delete_appointments(appointment: Appointment) -> None:
    """Staff cannot delete an appointment, even with Django's permission to delete it."""
    clerk = StaffFactory()
    clerk.user_permissions.set(Permission.objects.filter(content_type__app_label="appointment"))
    assert AdminClient(clerk).delete(appointment).status_code == 403
    AdminClient(clerk).delete_all(appointment)
    assert Appointment.objects.exists()


# --- Finding ---


@pytest.mark.parametrize("term", ["ruiz", "elena", "612 34 56 78", "{date}", "{pk}", "ana elena"])
def test_an_appointment_is_found_by_common_search_terms(reception: AdminClient, term: str) -> None:
    wanted = AppointmentFactory(
        patient__first_name="Ana", patient__last_name="Ruiz", patient__phone_number="+34612345678"
    )
    other = ScheduleFactory(doctor__first_name="Omar", date=day_ahead(8)).slots.first()
    AppointmentFactory(slot=other, patient__first_name="Ivo", patient__last_name="Lang")
    words = term.format(date=wanted.date, pk=wanted.pk)
    found = reception.get(page(Appointment), q=words).context["cl"].result_list
    assert wanted in found
    assert len(found) == 1 or words == str(wanted.pk)


def test_todays_list_uses_the_date_at_each_location(staff: User) -> None:
    tokyo = ScheduleFactory(location__time_zone="Asia/Tokyo").slots.first()
    here = ScheduleFactory(location__time_zone="America/New_York").slots.first()
    there, _ = AppointmentFactory(slot=tokyo), AppointmentFactory(slot=here)
    with time_machine.travel(tokyo.starts_at - timedelta(hours=8), tick=False):
        found = AdminClient(staff).get(page(Appointment), when="today").context["cl"].result_list
        assert list(found) == [there]


def test_the_list_shows_which_visits_are_to_come_and_which_to_conclude(
    staff: User, appointment: Appointment
) -> None:
    coming = AppointmentFactory(slot=ScheduleFactory(date=day_ahead(20)).slots.first())
    with time_machine.travel(appointment.ends_at, tick=False):
        admin_client = AdminClient(staff)
        for when, wanted in (("upcoming", coming), ("unconcluded", appointment)):
            assert list(
                admin_client.get(page(Appointment), when=when).context["cl"].result_list
            ) == [wanted]


def test_times_are_shown_on_the_clocks_of_the_location(reception: AdminClient) -> None:
    slot = ScheduleFactory(location__time_zone="Asia/Tokyo").slots.first()
    AppointmentFactory(slot=slot)
    shown = f"{day_text(slot.schedule.date)}, 09:00 JST"
    assert shown in reception.get(page(Appointment)).content.decode()
