"""What was refused: written down after the answer is made, in a transaction of its own."""

import logging
from collections.abc import Mapping
from typing import Any

from django.db import Error
from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch, reverse

from accounts.audit.views import READ_METHODS
from accounts.models import AuditEvent
from extensions.db.fields import MAX_KEY
from extensions.rest.throttling import PerAddressThrottle

logger = logging.getLogger("accounts.audit")

DENIED = (401, 403, 404)
KEYS = ("pk", "appointment_id", "object_id")
ACTIONS = {
    "GET": "read",
    "HEAD": "read",
    "OPTIONS": "read",
    "PUT": "change",
    "PATCH": "change",
    "DELETE": "delete",
}


class DenialThrottle(PerAddressThrottle):
    """So many refusals a minute of strangers at one address are written down.

    A refusal costs a stranger nothing and the clinic a row for good: more would let anybody fill
    its disk. Of whoever is signed in all are written: their calls have a limit, and a name.
    """

    scope = "denials"

    def identity(self, request: Any) -> str | None:
        user = getattr(request, "user", None)
        is_known = user is not None and user.is_authenticated
        return None if is_known else super().identity(request)


def record_denial(request: HttpRequest, response: HttpResponseBase) -> None:
    """Write it down where the answer refuses a patient's data.

    The transaction of the call is over: what it wrote is undone, and this stays. Where it cannot be
    written the refusal stands, since nothing was shown, and the log says so.
    """
    model = _asked_for(request) if _is_refusal(request, response) else None
    if model is None:
        return
    try:
        if DenialThrottle().allow_request(request, None):
            _note(request, model)
    except Error:
        logger.error("A refusal could not be written down: %s", response["X-Request-ID"])


def _note(request: HttpRequest, model: type[Model]) -> None:
    """The key in the path is the row's, the number in the query the patient's."""
    key = _number(_first(request.resolver_match, KEYS))
    action = ACTIONS.get(request.method or "", "create" if key is None else "change")
    patient = _number(request.GET.get("patient", ""))
    known: dict[str, Any] = {"outcome": "denied", "object_id": key, "role": "stranger"}
    AuditEvent.objects.record(action, model, [patient], **known)


def _is_refusal(request: HttpRequest, response: HttpResponseBase) -> bool:
    """401, 403, 404, or a page of the admin that leads away: to its login, or from an absent row.

    It says so too of a row that this person may not know of.
    """
    to = response.get("Location", "")
    absent = request.method in READ_METHODS and to == reverse("admin:index")
    if response.status_code == 404 and request.method in READ_METHODS:
        return _names_somebody(request)  # else it is a page beyond the last, and nobody's
    return response.status_code in DENIED or absent or to.startswith(reverse("admin:login"))


def _names_somebody(request: HttpRequest) -> bool:
    """Whether the path has a row's key, or the query a patient."""
    return _first(request.resolver_match, KEYS) is not None or "patient" in request.GET


def _asked_for(request: HttpRequest) -> type[Model] | None:
    """What of a patient the call asked for, if anything: its view or its admin says."""
    match = request.resolver_match
    if match is None:
        return None
    view = getattr(match.func, "cls", getattr(match.func, "model_admin", None))
    needed = getattr(view, "audited_parameters", ())
    if needed and not any(name in request.GET for name in needed):
        return None
    return getattr(view, "audited_model", None) or getattr(request, "audited_model", None)


def _number(given: Any) -> int | None:
    """A key that a row can have; None for anything else."""
    text = str(given)
    known = text.isascii() and text.isdecimal() and len(text) < 20
    return int(text) if known and int(text) <= MAX_KEY else None


def _first(match: ResolverMatch | None, names: tuple[str, ...]) -> Any:
    kwargs: Mapping[str, Any] = match.kwargs if match else {}
    return next((kwargs[name] for name in names if name in kwargs), None)
