"""Who acts as staff, with or without an override reason, and which patients staff may name."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from accounts.audit.context import ADMIN, RequestContext, use_context
from accounts.models import User
from appointment.models.acting import ADD_APPOINTMENT, acts_as_staff, lock_patient_for
from appointment.models.site_patients import patients_for_staff
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from doctor.models import Location
from doctor.tests.factories import LocationFactory, ScheduleFactory, SiteStaffFactory, day_ahead
from patient.models import Patient
from patient.tests.factories import DependentFactory, PatientFactory

pytestmark = pytest.mark.django_db

CHANGE = "appointment.change_appointment"


def acting(user: Any, patient: Patient | None, reason: str = "", **known: Any) -> bool:
    return acts_as_staff(user, CHANGE, patient, reason, **known)


def test_staff_act_as_staff_for_others_and_as_patients_for_their_own(staff: User) -> None:
    own = [PatientFactory(user=staff), DependentFactory(user=staff)]
    others = [PatientFactory(), PatientFactory(user=None), None]
    assert [acting(staff, each) for each in (*own, *others)] == [False, False, True, True, True]


def test_an_override_reason_makes_staff_act_as_staff_for_their_own(staff: User) -> None:
    own = PatientFactory(user=staff)
    assert acting(staff, own, "The doctor asked for it")


def test_staff_act_as_staff_for_their_own_in_the_admin(staff: User) -> None:
    own = PatientFactory(user=staff)
    with use_context(RequestContext(channel=ADMIN)):
        assert acting(staff, own)


def test_the_system_acts_as_staff(patient: Patient) -> None:
    assert acting(None, patient)


@pytest.mark.parametrize("who", ["patient", "doctor", "powerless", "elsewhere"])
def test_an_override_reason_of_a_user_who_may_not_act_as_staff_is_refused(
    who: str, patient: Patient, doctor_user: User, staff: User, here: Location
) -> None:
    user: User | None = patient.user
    site: Location = LocationFactory()
    if who == "doctor":
        user = doctor_user
    elif who in ("powerless", "elsewhere"):
        user = staff
        SiteStaffFactory(user=staff, location=here)
        if who == "powerless":
            staff.groups.clear()
            site = here
    assert not acting(user, patient, location=site.pk)
    with pytest.raises(PermissionDenied, match="Only staff"):
        acting(user, patient, "I want it", location=site.pk)


# --- Which patients staff may name ----------------------------------------------------------------


def locked(user: User, patient_id: int | None, **known: Any) -> Patient | None:
    """Return the patient whom the user gets by this key; None where the user gets none."""
    try:
        return lock_patient_for(user, patient_id, ADD_APPOINTMENT, **known)
    except Patient.DoesNotExist:
        return None


def test_staff_name_any_patient_and_patients_their_own_alone(staff: User, patient: Patient) -> None:
    others: list[Patient] = [PatientFactory(), PatientFactory(user=None)]
    assert [locked(staff, each.pk) for each in (patient, *others)] == [patient, *others]
    assert locked(patient.user, patient.pk) == patient
    assert [locked(patient.user, each.pk) for each in others] == [None, None]
    assert locked(staff, 987654) is None


def test_staff_without_the_permission_name_their_own_alone(staff: User, patient: Patient) -> None:
    staff.groups.clear()
    own = PatientFactory(user=staff)
    assert (locked(staff, own.pk), locked(staff, patient.pk)) == (own, None)
    with pytest.raises(PermissionDenied):
        locked(staff, own.pk, override_reason="Mine")


def test_without_a_key_staff_name_themselves(staff: User) -> None:
    own = locked(staff, None)
    assert own is not None
    assert own.user == staff


def test_staff_of_a_site_name_the_patients_whom_they_may_book_for(
    member: User, here: Location
) -> None:
    session = ScheduleFactory(location=here)
    AppointmentFactory(slot=session.slots.first())
    WaitlistEntryFactory(doctor=session.doctor)
    WaitlistEntryFactory(doctor=ScheduleFactory().doctor)
    PatientFactory(last_name="Sol", date_of_birth=day_ahead(-9000))
    patients = Patient.objects.order_by("pk")
    for name in ({}, {"last_name": "sol", "date_of_birth": day_ahead(-9000)}):
        known = set(patients_for_staff(member, **name))
        assert {each for each in patients if locked(member, each.pk, **name)} == known
        assert 0 < len(known) < len(patients)


def test_staff_without_a_site_name_their_own_alone(staff: User, here: Location) -> None:
    SiteStaffFactory(location=here)
    born = day_ahead(-9000)
    stranger = PatientFactory(last_name="Sol", date_of_birth=born)
    assert locked(staff, stranger.pk, last_name="Sol", date_of_birth=born) is None
    assert locked(staff, PatientFactory(user=staff).pk)
