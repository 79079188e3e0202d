"""Records of denied calls, written once the response is made, in a separate transaction."""

import logging
from collections.abc import Mapping
from typing import Any

from django.db import Error
from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch, reverse

from accounts.audit.context import current_context
from accounts.audit.models import AuditEvent
from accounts.audit.views import READ_METHODS
from extensions.db.fields import MAX_KEY
from extensions.rest.throttling import PerAddressThrottle, PerCallerThrottle

logger = logging.getLogger("accounts.audit")

DENIED = (401, 403, 404)
REDIRECTS = (301, 302, 303, 307, 308)
OVER_LIMIT = "A refusal over the limit is not in the audit trail"
KEYS = ("pk", "appointment_id", "object_id")  # arguments in the path that hold the key of a row
QUERY_KEY = "appointment"  # a query parameter that does
ACTIONS = {
    "GET": "read",
    "HEAD": "read",
    "OPTIONS": "read",
    "PUT": "change",
    "PATCH": "change",
    "DELETE": "delete",
}


class DenialThrottle(PerCallerThrottle):
    """Limit the recorded denials of a user, or of an IP address without a login, a minute.

    A denied call costs its caller nothing and the clinic a row that is never deleted: without a
    limit anybody could fill the disk, with an account too, since registration is open.
    """

    scope = "denials"


class DailyDenialThrottle(PerCallerThrottle):
    """Limit the recorded denials of a user, or of an IP address without a login, a day."""

    scope = "denials_daily"


class AddressDenialThrottle(PerAddressThrottle):
    """Limit the recorded denials from an IP address a day, over all accounts."""

    scope = "denials_address"


THROTTLES = (DenialThrottle, DailyDenialThrottle, AddressDenialThrottle)


def record_denial(request: HttpRequest, response: HttpResponseBase) -> None:
    """Record the call if its answer denies a patient's data.

    The transaction of the call is over, so its rollback does not undo this event. If the event
    cannot be written, or the caller has too many, the denial stands, since the answer shows no
    data, and the log says so.
    """
    model = _audited_model(request) if _is_denial(request, response) else None
    if model is not None:
        _record_within_limits(request, model, response["X-Request-ID"])


def record_denied_search(request: HttpRequest, model: type[Model]) -> None:
    """Record that a search for a person by name was refused or found no patient.

    Its answer is no refusal, so `record_denial` does not see it.
    """
    _record_within_limits(request, model, current_context().request_id)


def _record_within_limits(request: HttpRequest, model: type[Model], request_id: str) -> None:
    try:
        if all(throttle().allow_request(request, None) for throttle in THROTTLES):
            _record(request, model)
        else:
            caller = getattr(getattr(request, "user", None), "pk", None)
            logger.warning("%s: account %s, %s", OVER_LIMIT, caller, request_id)
    except Error:
        logger.error("A refusal could not be written down: %s", request_id)


def _record(request: HttpRequest, model: type[Model]) -> None:
    """Add the event, with the keys of the row and of the patient from the path and the query."""
    key = _number(_first(request.resolver_match, KEYS))
    action = ACTIONS.get(request.method or "", "create" if key is None else "change")
    if key is None:
        key = _number(request.GET.get(QUERY_KEY, ""))
    patient = _number(request.GET.get("patient", ""))
    known: dict[str, Any] = {"outcome": "denied", "object_id": key, "role": "stranger"}
    AuditEvent.objects.record(action, model, [patient], **known)


def _is_denial(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether the answer is 401, 403, 404 or one of the admin's redirects in their place.

    The admin redirects to its login page, and from a row that is absent or hidden to its index.
    """
    if response.status_code == 404 and request.method in READ_METHODS:
        return _names_row_or_patient(request)  # else 404 is for a page number past the last
    return response.status_code in DENIED or _is_redirect_of_admin(request, response)


def _is_redirect_of_admin(request: HttpRequest, response: HttpResponseBase) -> bool:
    to = response.get("Location", "") if response.status_code in REDIRECTS else ""
    absent = request.method in READ_METHODS and to == reverse("admin:index")
    return bool(to) and (absent or to.startswith(reverse("admin:login")))


def _names_row_or_patient(request: HttpRequest) -> bool:
    """Whether the path or the query has the key of a row, or the query that of a patient."""
    in_query = "patient" in request.GET or QUERY_KEY in request.GET
    return in_query or _first(request.resolver_match, KEYS) is not None


def _audited_model(request: HttpRequest) -> type[Model] | None:
    """Return the `audited_model` of the call's view or admin, or None.

    None if there is none, or if the call lacks all of the view's `audited_parameters`.
    """
    match = request.resolver_match
    if match is None:
        return None
    view = getattr(match.func, "cls", getattr(match.func, "model_admin", None))
    needed = getattr(view, "audited_parameters", ())
    if needed and not any(name in request.GET for name in needed):
        return None
    return getattr(view, "audited_model", None) or getattr(request, "audited_model", None)


def _number(given: Any) -> int | None:
    """Return the number; None for a value that cannot be the key of a row."""
    text = str(given)
    known = text.isascii() and text.isdecimal() and len(text) < 20
    return int(text) if known and int(text) <= MAX_KEY else None


def _first(match: ResolverMatch | None, names: tuple[str, ...]) -> Any:
    kwargs: Mapping[str, Any] = match.kwargs if match else {}
    return next((kwargs[name] for name in names if name in kwargs), None)
