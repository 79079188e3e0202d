"""Profiles are linked to an account or unlinked from it, and accounts are deleted."""

import pytest

from accounts.models import User
from accounts.tests.factories import UserFactory
from patient.exceptions import ProfileExists
from patient.models import Patient
from patient.tests.factories import MedicalHistoryFactory, PatientFactory

pytestmark = pytest.mark.django_db


def test_linking_an_account_that_has_a_profile_already_is_refused(patient: Patient) -> None:
    walk_in = PatientFactory(user=None)
    with pytest.raises(ProfileExists):
        walk_in.revise(user=patient.user)
    walk_in.refresh_from_db()
    assert walk_in.user is None


def test_an_account_is_linked_and_unlinked() -> None:
    walk_in, user = PatientFactory(user=None), UserFactory()
    walk_in.revise(user=user)
    assert Patient.objects.own_of(user).get() == walk_in
    walk_in.revise(user=None)
    assert not Patient.objects.own_of(user).exists()


def test_no_profile_is_made_for_an_account_that_is_gone() -> None:
    user = UserFactory()
    User.objects.filter(pk=user.pk).delete()
    with pytest.raises(User.DoesNotExist):
        Patient.objects.lock_for(user)
    with pytest.raises(User.DoesNotExist):
        Patient(user=user, first_name="Ana", last_name="Ruiz").enroll()
    assert not Patient.objects.exists()


def test_the_text_of_an_entry_does_not_show_its_content() -> None:
    entry = MedicalHistoryFactory(kind="allergy", description="Penicillin")
    assert str(entry) == f"Entry {entry.pk}"
