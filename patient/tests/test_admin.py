"""Staff add, change and erase patients in the admin, with their medical history."""

from collections.abc import Iterable

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core import serializers

from accounts.models import User
from accounts.tests.factories import StaffFactory, UserFactory
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from patient.models import MedicalHistory, Patient
from patient.tests.factories import MedicalHistoryFactory, PatientFactory
from tests.admin_client import AdminClient, FormReader, form_errors, messages_of, page
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db
ADD = "/admin/patient/patient/add/"


@pytest.fixture
def reception(staff: User) -> AdminClient:
    return AdminClient(staff)


@pytest.fixture
def admin_client(superuser: User) -> AdminClient:
    return AdminClient(superuser)


def log_holds_none_of(names: Iterable[str]) -> bool:
    """Return whether the admin's log holds none of the names."""
    log = serializers.serialize("json", LogEntry.objects.all(), ensure_ascii=False)
    return not any(name in log for name in names)


# --- At the reception ---


def test_the_reception_adds_a_patient_without_an_account(reception: AdminClient) -> None:
    form = reception.open(ADD)
    assert "user" not in form
    reception.send(ADD, form, first_name="Eva", last_name="Sanz", phone_number="+34612345678")
    patient = Patient.objects.get()
    assert (patient.name, patient.user, str(patient.phone_number)) == (
        "Eva Sanz",
        None,
        "+34612345678",
    )


def test_the_reception_changes_a_patient_and_leaves_the_account(
    reception: AdminClient, patient: Patient
) -> None:
    account = patient.user
    reception.change(patient, address="Calle Mayor 1", user="")
    patient.refresh_from_db()
    assert (patient.address, patient.user) == ("Calle Mayor 1", account)


def test_the_reception_sees_no_account_and_no_medical_history(
    reception: AdminClient, patient: Patient
) -> None:
    MedicalHistoryFactory(patient=patient, description="Penicillin")
    for path in (page(patient, "change"), page(Patient), page(patient, "history")):
        html = reception.get(path).content.decode()
        assert patient.user.email not in html
        assert "Penicillin" not in html
        assert "history-TOTAL_FORMS" not in html


def test_the_reception_cannot_add_history_by_sending_it(
    reception: AdminClient, patient: Patient
) -> None:
    forged = {"history-TOTAL_FORMS": "1", "history-INITIAL_FORMS": "0"}
    forged |= {"history-0-kind": "allergy", "history-0-description": "Nuts"}
    reception.change(patient, **forged)
    assert not MedicalHistory.objects.exists()


def test_staff_without_access_to_accounts_do_not_learn_the_owner_of_an_address(
    reception: AdminClient, admin_client: AdminClient, patient: Patient
) -> None:
    email = patient.user.email
    assert admin_client.get(page(Patient), q=email).context["cl"].result_count == 1
    assert reception.get(page(Patient), q=email).context["cl"].result_count == 0
    assert reception.status(page(Patient), user__email=email) == 400
    assert reception.status(page(Patient), user__id__exact=patient.user_id) == 400


@pytest.mark.parametrize("term", ["sanz", "eva sanz", "1990-05-17", "612 345 678", "+34612345678"])
def test_a_patient_is_found_by_common_search_terms(reception: AdminClient, term: str) -> None:
    wanted = PatientFactory(
        first_name="Eva",
        last_name="Sanz",
        date_of_birth="1990-05-17",
        phone_number="+34612345678",
    )
    PatientFactory()
    assert list(reception.get(page(Patient), q=term).context["cl"].result_list) == [wanted]


def test_two_users_who_change_different_fields_of_an_open_page_both_succeed(
    reception: AdminClient, admin_client: AdminClient, patient: Patient
) -> None:
    path = page(patient, "change")
    mine, theirs = reception.open(path), admin_client.open(path)
    reception.send(path, mine, phone_number="+34612345678")
    admin_client.send(path, theirs, address="Calle Mayor 1")
    patient.refresh_from_db()
    assert str(patient.phone_number) == "+34612345678"
    assert patient.address == "Calle Mayor 1"


def test_a_refused_page_sent_again_changes_only_the_typed_fields(
    reception: AdminClient, admin_client: AdminClient, patient: Patient
) -> None:
    path = page(patient, "change")
    refused = reception.change(patient, phone_number="12", address="Calle Mayor 1")
    assert form_errors(refused)
    admin_client.change(patient, emergency_contact_name="Luis")
    shown = FormReader(refused.content.decode()).sent
    reception.send(path, shown, phone_number="+34612345678")
    patient.refresh_from_db()
    assert (patient.address, patient.emergency_contact_name) == ("Calle Mayor 1", "Luis")


def test_a_second_profile_of_one_account_is_reported(
    admin_client: AdminClient, patient: Patient
) -> None:
    refused = admin_client.send(
        ADD, admin_client.open(ADD), user=patient.user_id, first_name="A", last_name="B"
    )
    assert form_errors(refused) == ["This user has a profile already."]


# --- Medical history ---


def test_history_is_added_on_the_page_of_the_patient(
    admin_client: AdminClient, patient: Patient
) -> None:
    there = MedicalHistoryFactory(patient=patient)
    entry = {"history-TOTAL_FORMS": "2", "history-1-kind": "surgery", "history-1-status": "active"}
    admin_client.change(
        patient, **entry, **{"history-1-description": "Appendix", "history-1-patient": patient.pk}
    )
    assert [entry.description for entry in patient.history.order_by("pk")] == [
        there.description,
        "Appendix",
    ]


def test_history_is_removed_on_the_page_of_the_patient(
    admin_client: AdminClient, patient: Patient
) -> None:
    MedicalHistoryFactory(patient=patient)
    admin_client.change(patient, **{"history-0-DELETE": "on"})
    assert not patient.history.exists()


def test_a_refused_page_keeps_the_new_lines_of_its_history(
    admin_client: AdminClient, patient: Patient
) -> None:
    lines = {"history-TOTAL_FORMS": "1", "history-0-kind": "surgery", "history-0-status": "active"}
    lines |= {"history-0-description": "Appendix", "phone_number": "12"}
    refused = admin_client.change(patient, **lines)
    assert "Appendix" in refused.content.decode()
    assert not MedicalHistory.objects.exists()


def test_entries_on_the_page_are_links_and_no_form_fields(
    admin_client: AdminClient, patient: Patient
) -> None:
    """Django refuses forms with over 1,000 fields, and a stale field would undo other changes."""
    entry = MedicalHistoryFactory(patient=patient)
    assert "history-0-description" not in admin_client.open(page(patient, "change"))
    assert page(entry, "change") in admin_client.get(page(patient, "change")).content.decode()
    admin_client.change(patient, **{"history-0-description": "Forged"})
    entry.refresh_from_db()
    assert entry.description == "Penicillin"


def test_history_is_kept_by_those_with_the_permission(
    admin_client: AdminClient, patient: Patient
) -> None:
    typed = {"patient": patient.pk, "kind": "allergy", "description": "Nuts", "status": "active"}
    admin_client.send(page(MedicalHistory, "add"), **typed)
    entry = patient.history.get()
    before = entry.updated_at
    admin_client.change(entry, notes="Mild", patient="")
    entry.refresh_from_db()
    assert (entry.notes, entry.patient) == ("Mild", patient)
    assert entry.updated_at > before
    admin_client.delete(entry)
    assert not patient.history.exists()


def test_the_log_names_no_health_data_of_a_patient(
    admin_client: AdminClient, patient: Patient
) -> None:
    typed = {"patient": patient.pk, "kind": "allergy", "description": "Nuts", "status": "active"}
    admin_client.send(page(MedicalHistory, "add"), **typed)
    admin_client.change(patient.history.get(), description="Peanuts", notes="Rash")
    assert LogEntry.objects.count() == 2
    assert log_holds_none_of(["Nuts", "Peanuts", "Rash"])


# --- Erasing ---


def test_deleting_a_patient_erases_the_person_and_keeps_the_counts(
    admin_client: AdminClient, superuser: User, patient: Patient
) -> None:
    MedicalHistoryFactory(patient=patient)
    visit, account = AppointmentFactory(patient=patient), patient.user
    confirm = admin_client.get(page(patient, "delete")).content.decode()
    assert "Coming visits are canceled" in confirm
    admin_client.delete(patient)
    assert not Patient.objects.exists()
    assert not MedicalHistory.objects.exists()
    visit.refresh_from_db()
    assert (visit.patient, visit.status, visit.reason) == (None, "canceled", "")
    assert visit.events.get(kind="canceled").actor == superuser
    assert_balanced(visit.slot)
    account.refresh_from_db()


def test_after_an_erasure_the_log_does_not_hold_the_name(admin_client: AdminClient) -> None:
    admin_client.send(ADD, admin_client.open(ADD), first_name="Zoraida", last_name="Quintana")
    patient = Patient.objects.get()
    admin_client.change(patient, address="Calle Mayor 1", last_name="Quintanilla")
    assert LogEntry.objects.count() == 2
    # The log held no name before the erasure either.
    assert log_holds_none_of(["Zoraida", "Quintana", "Mayor"])
    admin_client.delete(patient)
    assert log_holds_none_of(["Zoraida", "Quintana", "Quintanilla", "Mayor"])
    assert set(LogEntry.objects.values_list("object_repr", flat=True)) == {
        f"patient {patient.pk}, erased"
    }
    assert LogEntry.objects.filter(action_flag=3).count() == 1


def test_after_a_bulk_erasure_the_log_holds_no_name(admin_client: AdminClient) -> None:
    people = [PatientFactory(first_name="Zoraida", last_name="Quintana") for _ in range(3)]
    visits = [AppointmentFactory(patient=patient) for patient in people]
    answer = admin_client.delete_all(*people)
    assert messages_of(answer) == ["Successfully deleted 3 patients."]
    assert not Patient.objects.exists()
    assert LogEntry.objects.count() == 3
    assert log_holds_none_of(["Zoraida", "Quintana"])
    for visit in visits:
        assert_balanced(visit.slot)
    assert not Appointment.objects.exclude(status="canceled", patient=None).exists()


def test_erasing_needs_no_permission_on_appointments_or_history(patient: Patient) -> None:
    clerk = StaffFactory()
    clerk.user_permissions.set(Permission.objects.filter(codename__endswith="_patient"))
    AppointmentFactory(patient=patient)
    MedicalHistoryFactory(patient=patient)
    AdminClient(clerk).delete(patient)
    assert not Patient.objects.exists()


def test_the_reception_cannot_erase_a_patient(reception: AdminClient, patient: Patient) -> None:
    assert reception.delete(patient).status_code == 403
    reception.delete_all(patient)
    assert Patient.objects.exists()


def test_a_patient_may_be_given_an_account_later(admin_client: AdminClient) -> None:
    patient, account = PatientFactory(user=None), UserFactory()
    admin_client.change(patient, user=account.pk)
    patient.refresh_from_db()
    assert patient.user == account
