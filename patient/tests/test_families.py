"""The dependents of an account and the patients for whom a user may act."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User
from accounts.tests.factories import UserFactory
from patient.exceptions import ProfileExists
from patient.models import MAX_DEPENDENTS, MedicalHistory, Patient
from patient.tests.factories import DependentFactory, MedicalHistoryFactory, PatientFactory
from tests.threads import run_together

pytestmark = pytest.mark.django_db


@pytest.fixture
def child(patient: Patient) -> Patient:
    """Return a dependent of the patient's account."""
    return DependentFactory(user=patient.user)


@pytest.fixture
def strangers_child(other_patient: Patient) -> Patient:
    """Return a dependent of another account."""
    return DependentFactory(user=other_patient.user)


def new_dependent(user: User | None, **fields: Any) -> Patient:
    return Patient(user=user, first_name="Leo", last_name="Ruiz", is_dependent=True, **fields)


# --- Scopes ---


def test_a_user_has_an_own_profile_and_dependents_and_cares_for_both(
    patient: Patient, child: Patient, strangers_child: Patient
) -> None:
    user = patient.user
    assert list(Patient.objects.own_of(user)) == [patient]
    assert list(Patient.objects.dependents_of(user)) == [child]
    assert set(Patient.objects.cared_for_by(user)) == {patient, child}


def test_the_history_of_a_dependent_is_visible_to_the_carer_alone(
    patient: Patient, child: Patient, strangers_child: Patient
) -> None:
    seen = [MedicalHistoryFactory(patient=patient), MedicalHistoryFactory(patient=child)]
    MedicalHistoryFactory(patient=strangers_child)
    assert set(MedicalHistory.objects.visible_to(patient.user)) == set(seen)


# --- The patients for whom a user acts ---


def test_without_a_named_patient_users_act_for_themselves(patient: Patient, child: Patient) -> None:
    with transaction.atomic():
        assert Patient.objects.lock_for(patient.user) == patient


def test_a_user_acts_for_themselves_and_each_dependent_by_name(
    patient: Patient, child: Patient
) -> None:
    with transaction.atomic():
        for person in (patient, child):
            assert Patient.objects.lock_for(patient.user, person.pk) == person


def test_no_caller_can_act_for_a_stranger_or_a_strangers_dependent(
    patient: Patient, other_patient: Patient, strangers_child: Patient
) -> None:
    walk_in = PatientFactory(user=None)
    for key in (other_patient.pk, strangers_child.pk, walk_in.pk, 2**63 - 1):
        with pytest.raises(Patient.DoesNotExist), transaction.atomic():
            Patient.objects.lock_for(patient.user, key)


def test_a_user_with_only_dependents_gets_an_own_profile_on_acting_for_themselves() -> None:
    user = UserFactory(first_name="Eva", last_name="Gil")
    child = DependentFactory(user=user)
    with transaction.atomic():
        assert Patient.objects.lock_for(user, child.pk) == child
    assert not Patient.objects.own_of(user).exists()
    with transaction.atomic():
        own = Patient.objects.lock_for(user)
    assert (own.name, own.is_dependent) == ("Eva Gil", False)
    assert own != child


def test_a_deleted_account_acts_for_no_patient(child: Patient) -> None:
    user = UserFactory()
    User.objects.filter(pk=user.pk).delete()
    with pytest.raises(User.DoesNotExist), transaction.atomic():
        Patient.objects.lock_for(user, child.pk)


# --- Changes between dependent and own profile ---


def test_an_account_has_several_dependents_and_one_own_profile(patient: Patient) -> None:
    for _ in range(2):
        new_dependent(patient.user).enroll()
    with pytest.raises(ProfileExists):
        Patient(user=patient.user, first_name="Ana", last_name="Ruiz").enroll()
    assert Patient.objects.dependents_of(patient.user).count() == 2


def test_a_dependent_without_an_account_is_refused(child: Patient) -> None:
    with pytest.raises(ValidationError, match="needs an account"):
        new_dependent(None).enroll()
    with pytest.raises(ValidationError, match="needs an account"):
        child.revise(user=None)
    with pytest.raises(ValidationError, match="needs an account"):
        PatientFactory(user=None).revise(is_dependent=True)
    child.refresh_from_db()
    assert child.user is not None


def test_a_dependent_who_grows_up_gets_an_account_of_their_own(
    patient: Patient, child: Patient
) -> None:
    account = UserFactory()
    child.revise(user=account, is_dependent=False)
    assert Patient.objects.own_of(account).get() == child
    assert list(Patient.objects.cared_for_by(patient.user)) == [patient]


def test_a_dependent_cannot_become_a_second_own_profile(child: Patient) -> None:
    with pytest.raises(ProfileExists):
        child.revise(is_dependent=False)
    child.refresh_from_db()
    assert child.is_dependent


def test_a_walk_in_becomes_a_dependent_of_an_account(patient: Patient) -> None:
    walk_in = PatientFactory(user=None)
    walk_in.revise(user=patient.user, is_dependent=True)
    assert Patient.objects.dependents_of(patient.user).get() == walk_in


# --- The number of dependents ---


def test_an_account_has_at_most_20_dependents(patient: Patient) -> None:
    DependentFactory.create_batch(MAX_DEPENDENTS, user=patient.user)
    DependentFactory()  # a dependent of another account does not count
    walk_in, strangers = PatientFactory(user=None), DependentFactory()
    for refused in (
        new_dependent(patient.user).enroll,
        lambda: walk_in.revise(user=patient.user, is_dependent=True),
        lambda: strangers.revise(user=patient.user),
    ):
        with pytest.raises(ValidationError, match="at most 20"):
            refused()
    last = Patient.objects.dependents_of(patient.user)[0]
    last.revise(address="Calle Mayor 1")
    assert Patient.objects.dependents_of(patient.user).count() == MAX_DEPENDENTS


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_one_of_several_simultaneous_dependents_gets_the_last_place() -> None:
    user = PatientFactory().user
    DependentFactory.create_batch(MAX_DEPENDENTS - 1, user=user)
    done = run_together(5, lambda _: new_dependent(User.objects.get(pk=user.pk)).enroll())
    assert sorted(type(outcome).__name__ for outcome in done) == [
        "NoneType",
        *["ValidationError"] * 4,
    ]
    assert Patient.objects.dependents_of(user).count() == MAX_DEPENDENTS


def test_patients_without_an_account_are_no_family() -> None:
    PatientFactory.create_batch(2, user=None)
    for scope in ("own_of", "dependents_of", "cared_for_by"):
        assert not getattr(Patient.objects, scope)(None).exists()


def test_a_number_too_large_for_a_key_is_404(patient: Patient) -> None:
    for pk in (-1, 10**22):
        with pytest.raises(Patient.DoesNotExist):
            Patient.objects.own_or_dependent(patient.user, pk)
