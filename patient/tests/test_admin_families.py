"""Staff manage the dependents of accounts in the admin, and the page shows each refusal."""

import pytest

from accounts.models import User
from accounts.tests.factories import UserFactory
from patient.models import MAX_DEPENDENTS, Patient
from patient.tests.factories import DependentFactory, PatientFactory
from tests.admin_client import AdminClient, form_errors, messages_of, page

pytestmark = pytest.mark.django_db
ADD = "/admin/patient/patient/add/"
OF_NOBODY = "A dependent needs an account that books for them."
HAS_ONE = "This user has a profile already."


@pytest.fixture
def reception(staff: User) -> AdminClient:
    return AdminClient(staff)


@pytest.fixture
def admin_client(superuser: User) -> AdminClient:
    return AdminClient(superuser)


@pytest.fixture
def child(patient: Patient) -> Patient:
    return DependentFactory(user=patient.user)


def listed(admin_client: AdminClient, **query: object) -> set[Patient]:
    return set(admin_client.get(page(Patient), **query).context["cl"].result_list)


def test_a_dependent_is_added_for_an_account(admin_client: AdminClient, patient: Patient) -> None:
    typed = {"first_name": "Leo", "last_name": "Ruiz", "is_dependent": "on"}
    admin_client.send(ADD, admin_client.open(ADD), user=patient.user_id, **typed)
    assert Patient.objects.dependents_of(patient.user).get().name == "Leo Ruiz"


def test_the_list_marks_dependents(
    reception: AdminClient, patient: Patient, child: Patient
) -> None:
    assert listed(reception) == {patient, child}
    assert listed(reception, is_dependent__exact=1) == {child}
    assert listed(reception, is_dependent__exact=0) == {patient}


def test_the_page_of_a_patient_leads_to_the_family(
    reception: AdminClient, patient: Patient, child: Patient
) -> None:
    strangers, walk_ins = DependentFactory(), PatientFactory.create_batch(2, user=None)
    for person, other in ((patient, child), (child, patient)):
        html = reception.get(page(person, "change")).content.decode()
        assert f'<a href="{page(other, "change")}">' in html
        assert page(strangers, "change") not in html
        assert patient.user.email not in html
    alone = reception.get(page(walk_ins[0], "change")).content.decode()
    assert page(walk_ins[1], "change") not in alone


def test_staff_who_may_not_see_accounts_make_and_free_no_dependent(
    reception: AdminClient, child: Patient
) -> None:
    assert not {"user", "is_dependent"} & reception.open(page(child, "change")).keys()
    reception.change(child, address="Calle Mayor 1", is_dependent=[], user="")
    reception.send(ADD, reception.open(ADD), first_name="E", last_name="S", is_dependent="on")
    child.refresh_from_db()
    assert (child.is_dependent, child.address) == (True, "Calle Mayor 1")
    assert Patient.objects.get(first_name="E").is_dependent is False


def test_a_dependent_without_an_account_is_refused_by_a_message(
    admin_client: AdminClient, patient: Patient, child: Patient
) -> None:
    typed = {"first_name": "Leo", "last_name": "Ruiz", "is_dependent": "on"}
    assert form_errors(admin_client.send(ADD, admin_client.open(ADD), **typed)) == [OF_NOBODY]
    assert form_errors(admin_client.change(child, user="")) == [OF_NOBODY]
    child.refresh_from_db()
    assert child.user == patient.user


def test_a_page_opened_before_they_became_a_dependent_cannot_take_the_account_away(
    admin_client: AdminClient, patient: Patient
) -> None:
    lonely = PatientFactory()
    stale = admin_client.open(page(lonely, "change"))
    lonely.revise(user=patient.user, is_dependent=True)
    assert form_errors(admin_client.send(page(lonely, "change"), stale, user="")) == [OF_NOBODY]
    lonely.refresh_from_db()
    assert (lonely.user, lonely.is_dependent) == (patient.user, True)


def test_a_second_own_profile_is_refused_by_a_message(
    admin_client: AdminClient, child: Patient
) -> None:
    assert form_errors(admin_client.change(child, is_dependent=[])) == [HAS_ONE]
    child.refresh_from_db()
    assert child.is_dependent


def test_a_dependent_who_grows_up_is_given_an_own_account(
    admin_client: AdminClient, child: Patient
) -> None:
    account = UserFactory()
    admin_client.change(child, user=account.pk, is_dependent=[])
    assert Patient.objects.own_of(account).get() == child


def test_one_dependent_too_many_is_refused_by_a_message(
    admin_client: AdminClient, patient: Patient
) -> None:
    DependentFactory.create_batch(MAX_DEPENDENTS, user=patient.user)
    walk_in = PatientFactory(user=None)
    refused = admin_client.change(walk_in, user=patient.user_id, is_dependent="on")
    assert form_errors(refused) == ["An account books for at most 20 dependents."]
    walk_in.refresh_from_db()
    assert walk_in.user is None


def test_erasing_a_dependent_keeps_the_carer_and_both_can_be_erased_together(
    admin_client: AdminClient, patient: Patient, child: Patient
) -> None:
    sibling = DependentFactory(user=patient.user)
    admin_client.delete(child)
    assert set(Patient.objects.all()) == {patient, sibling}
    assert messages_of(admin_client.delete_all(patient, sibling)) == [
        "Successfully deleted 2 patients."
    ]
    assert not Patient.objects.exists()


def test_an_account_with_a_dependent_is_not_deleted(admin_client: AdminClient) -> None:
    child = DependentFactory()
    confirm = admin_client.get(page(child.user, "delete")).content.decode()
    assert page(child, "change") in confirm
    admin_client.delete(child.user)
    assert User.objects.filter(pk=child.user_id).exists()
