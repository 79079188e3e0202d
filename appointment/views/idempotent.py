"""The header Idempotency-Key on writes of appointments and of the waitlist.

After the IETF draft draft-ietf-httpapi-idempotency-key-header.
"""

from collections.abc import Callable
from typing import Any

from rest_framework.response import Response

from accounts.audit.views import record_read
from accounts.requests import SignedInRequest
from appointment.models import IdempotencyKey
from appointment.models.idempotency import PatientAnswer
from extensions.rest import idempotency
from patient.models import Patient


def _store(
    view: Any,
    request: SignedInRequest,
    key: str,
    fingerprint: str,
    handle: Callable[[], Response],
) -> idempotency.Answer:
    """Call `handle` and store its response with this Idempotency-Key, or return the stored one.

    A stored response shows the patient's data again, so it is recorded as a read of the patient.
    """
    answer = IdempotencyKey.objects.answer(
        request.user, key, fingerprint, lambda: _to_answer(handle())
    )
    if answer.is_replay:
        shown = Patient.objects.filter(pk=answer.patient) if answer.patient else ()
        record_read(view.audited_model, shown, "")
    return answer


def _to_answer(response: Response) -> PatientAnswer:
    """Return what to store of a response, with the primary key of the patient in its body."""
    patient = (response.data or {}).get("patient") or {}
    location = response.headers.get("Location", "")
    body = idempotency.rendered(response)
    return PatientAnswer(response.status_code, body, location, patient=patient.get("id"))


# Decorator of view methods that accept the header Idempotency-Key.
idempotent = idempotency.idempotent(_store)
