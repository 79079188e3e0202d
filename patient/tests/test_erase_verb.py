"""Erasing a person cancels their coming visits and keeps past ones without their data."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from accounts.models import User
from appointment.models import Appointment, AppointmentEvent
from appointment.tests.factories import AppointmentFactory
from doctor.tests.factories import ScheduleFactory, day_ahead
from patient.models import MedicalHistory, Patient
from patient.tests.factories import MedicalHistoryFactory, PatientFactory
from tests.balance import assert_balanced

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def coming(patient: Patient) -> Appointment:
    """Return a visit in three days, in a slot of two places that another patient shares."""
    slot = ScheduleFactory(capacity=2).slots.first()
    AppointmentFactory(slot=slot)
    visit: Appointment = AppointmentFactory(patient=patient, slot=slot, reason="My knee")
    return visit


@pytest.fixture
def past(patient: Patient) -> Appointment:
    """Return a visit that took place three days ago."""
    slot = ScheduleFactory(date=day_ahead(-3)).slots.first()
    visit: Appointment = AppointmentFactory(patient=patient, slot=slot, reason="My back")
    return visit.complete()


def test_the_profile_and_its_medical_history_are_gone(patient: Patient) -> None:
    MedicalHistoryFactory(patient=patient)
    kept = MedicalHistoryFactory()
    patient.erase()
    assert list(Patient.objects.all()) == [kept.patient]
    assert list(MedicalHistory.objects.all()) == [kept]


def test_the_account_stays_and_may_have_a_profile_again(patient: Patient) -> None:
    user = patient.user
    patient.erase()
    user.refresh_from_db()
    assert user.is_active
    Patient(user=user, first_name="Ana", last_name="Ruiz").enroll()


def test_coming_visits_are_canceled_and_their_places_restored(
    patient: Patient, coming: Appointment
) -> None:
    at = timezone.now()
    patient.erase(by=patient.user, at=at)
    coming.refresh_from_db()
    assert (coming.status, coming.canceled_at, coming.patient) == ("canceled", at, None)
    assert coming.events.get(kind="canceled").actor == patient.user
    assert_balanced(coming.slot)
    assert coming.slot.taken == 1


def test_past_visits_stay_without_the_person_and_still_count(
    patient: Patient, past: Appointment
) -> None:
    patient.erase()
    past.refresh_from_db()
    assert (past.status, past.patient, past.booked_by) == ("completed", None, None)
    assert [event.kind for event in past.events.all()] == ["booked", "completed"]
    assert_balanced(past.slot)
    assert past.slot.taken == 1


def test_a_visit_under_way_stays_as_it_is(patient: Patient, coming: Appointment) -> None:
    patient.erase(at=coming.starts_at)
    coming.refresh_from_db()
    assert (coming.status, coming.patient) == ("scheduled", None)
    assert_balanced(coming.slot)


def test_no_free_text_about_the_patient_is_left(
    patient: Patient, coming: Appointment, past: Appointment, staff: User
) -> None:
    slot = ScheduleFactory(date=day_ahead(5)).slots.first()
    second = AppointmentFactory(patient=patient, slot=slot, reason="My hip")
    second.cancel(by=staff, reason="Back in hospital")
    patient.erase()
    for visit in Appointment.objects.filter(pk__in=[coming.pk, past.pk, second.pk]):
        assert (visit.reason, visit.cancel_reason, visit.patient) == ("", "", None)
    assert not AppointmentEvent.objects.exclude(detail="").exists()


def test_visits_and_reasons_of_others_stay(patient: Patient, coming: Appointment) -> None:
    [others] = coming.slot.appointments.exclude(patient=patient)
    others.cancel(reason="Found an earlier time")
    before = Appointment.objects.filter(pk=others.pk).values().get()
    patient.erase()
    assert Appointment.objects.filter(pk=others.pk).values().get() == before
    assert others.events.get(kind="canceled").detail == "Found an earlier time"


def test_a_visit_that_the_reception_booked_keeps_who_booked_it(
    patient: Patient, staff: User
) -> None:
    visit = AppointmentFactory(patient=patient, booked_by=staff)
    patient.erase()
    visit.refresh_from_db()
    assert visit.booked_by == staff


def test_the_log_of_the_admin_forgets_the_name(patient: Patient, staff: User) -> None:
    kind = ContentType.objects.get_for_model(Patient)
    entry = LogEntry.objects.create(
        user=staff,
        content_type=kind,
        object_id=str(patient.pk),
        object_repr=str(patient),
        action_flag=CHANGE,
    )
    pk = patient.pk
    patient.erase()
    entry.refresh_from_db()
    assert entry.object_repr == f"patient {pk}, erased"


def test_a_patient_without_an_account_can_be_erased() -> None:
    visit = AppointmentFactory(patient=PatientFactory(user=None))
    visit.patient.erase()
    visit.refresh_from_db()
    assert (visit.status, visit.patient) == ("canceled", None)
    assert_balanced(visit.slot)


def test_erasing_twice_finds_no_patient_the_second_time(patient: Patient) -> None:
    stale = Patient.objects.get(pk=patient.pk)
    patient.erase()
    with pytest.raises(Patient.DoesNotExist):
        stale.erase()


def test_a_canceled_visit_whose_slot_is_gone_does_not_block_an_erasure(patient: Patient) -> None:
    visit = AppointmentFactory(patient=patient)
    visit.cancel()
    visit.slot.schedule.unpublish()
    patient.erase(at=timezone.now() + timedelta(minutes=1))
    visit.refresh_from_db()
    assert (visit.slot, visit.patient) == (None, None)
