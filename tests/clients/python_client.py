"""The client of openapi-python-client: books, changes one member by PATCH, cancels.

`python -m tests.clients` generates the client and runs this in an environment of its own.
"""

import datetime
import os
import sys
from typing import Any

from clinic_appointments_client import AuthenticatedClient, Client
from clinic_appointments_client.api.appointment import (
    appointment_book,
    appointment_cancel,
    appointment_my_appointments_retrieve,
)
from clinic_appointments_client.api.auth import auth_login
from clinic_appointments_client.api.doctor import (
    doctor_schedules_create,
    doctor_schedules_destroy,
    doctor_schedules_partial_update,
    doctor_slots_search,
)
from clinic_appointments_client.api.patient import (
    patient_medical_history_create,
    patient_medical_history_destroy,
    patient_medical_history_partial_update,
)
from clinic_appointments_client.models import (
    AlreadyBookedProblem,
    Appointment,
    CancelationRequest,
    HistoryKindEnum,
    LoginRequest,
    MedicalHistoryStatusEnum,
    NewMedicalHistoryRequest,
    PatchedMedicalHistoryRequest,
    PatchedScheduleRequest,
    PatientOverlapProblem,
    ScheduleRequest,
    SlotBookingRequest,
)

BASE = os.environ["CLINIC"]
PASSWORD = "clinic-demo"


def signed_in(email: str) -> Any:
    """Return a client with a new token of the account."""
    body = LoginRequest(email=email, password=PASSWORD)
    session: Any = auth_login.sync(client=Client(BASE), body=body)
    return AuthenticatedClient(BASE, session.token, prefix="Token")


def book(client: Any) -> Any:
    """Book the first slot at which the patient is free, and try to book it again."""
    page: Any = doctor_slots_search.sync(client=client, page_size=100)
    for slot in page.results:
        body = SlotBookingRequest(slot_id=slot.id, reason="Check-up")
        visit = appointment_book.sync(slot.doctor, client=client, body=body)
        if isinstance(visit, Appointment):
            again = appointment_book.sync(slot.doctor, client=client, body=body)
            assert isinstance(again, AlreadyBookedProblem), again
            return visit
        assert isinstance(visit, PatientOverlapProblem), visit
    raise AssertionError("no free slot")


def patch_keeps_the_rest_of_a_history(client: Any) -> None:
    """Change the description of an entry; its notes and its status stay."""
    kind, status = HistoryKindEnum.ALLERGY, MedicalHistoryStatusEnum.RESOLVED
    new = NewMedicalHistoryRequest(kind, "Pollen", status=status, notes="In spring.")
    made: Any = patient_medical_history_create.sync(client=client, body=new)
    body = PatchedMedicalHistoryRequest(description="Birch pollen")
    changed: Any = patient_medical_history_partial_update.sync(made.id, client=client, body=body)
    assert (changed.notes, changed.status) == ("In spring.", status), changed
    patient_medical_history_destroy.sync_detailed(made.id, client=client)


def patch_keeps_the_rest_of_a_session(client: Any, doctor: int, location: int) -> None:
    """Change the end of a closed session of capacity 3; it stays closed, and the capacity 3."""
    day = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=203)
    options = {"capacity": 3, "is_active": False}
    new = ScheduleRequest(doctor, location, day, "05:00", "06:00", **options)
    made: Any = doctor_schedules_create.sync(client=client, body=new)
    body = PatchedScheduleRequest(end_time="06:30")
    changed: Any = doctor_schedules_partial_update.sync(made.id, client=client, body=body)
    assert (changed.capacity, changed.is_active) == (3, False), changed
    doctor_schedules_destroy.sync_detailed(made.id, client=client)


def main() -> None:
    """Run the whole flow; an AssertionError ends it."""
    patient = signed_in("patient@example.com")
    visit = book(patient)
    reason = CancelationRequest(reason="A cold")
    canceled: Any = appointment_cancel.sync(visit.id, client=patient, body=reason)
    assert canceled.status == "canceled", canceled
    detail: Any = appointment_my_appointments_retrieve.sync(visit.id, client=patient)
    assert detail.events[0].from_status is None, detail
    patch_keeps_the_rest_of_a_history(patient)
    patch_keeps_the_rest_of_a_session(
        signed_in("admin@example.com"), visit.doctor.id, visit.location.id
    )
    sys.stdout.write(f"openapi-python-client: booked and canceled visit {visit.id}\n")


if __name__ == "__main__":
    main()
