"""Every error under /api/ as a problem (RFC 9457): the table of exceptions for all apps."""

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from django.core import exceptions as django
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from django.utils.encoding import escape_uri_path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import exceptions as drf
from rest_framework import serializers
from rest_framework.response import Response

from accounts.exceptions import CredentialsChanged, Throttled
from appointment.exceptions import IdempotencyKeyReused
from doctor.serializers import FoundSlotSerializer
from extensions.db.retry import is_conflict, is_outage
from extensions.error_params import public_params
from extensions.exceptions import DomainError

logger = logging.getLogger("config.problems")

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 2  # seconds

CODES = {
    400: "parse_error",
    401: "not_authenticated",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "idempotency_key_reused",
    429: "throttled",
    500: "server_error",
    503: "unavailable",
}
DETAILS = {
    400: _("The request cannot be read."),
    401: _("Authentication credentials were not provided."),
    403: _("You do not have permission to do this."),
    404: _("Not found."),
    405: _("Method Not Allowed"),
    406: _("Not Acceptable"),
    413: _("The body is larger than 512 KiB."),
    415: _("Unsupported Media Type"),
    422: _("This Idempotency-Key was used for another request."),
    429: _("Too Many Requests"),
    500: _("Something went wrong here. It has been logged."),
    503: _("The database is out of reach or busy. Try again in a moment."),
}
# In place of the library's sentence, which quotes what the client sent, perhaps a password.
NEUTRAL_DETAILS = {"invalid_choice": _("This is not one of the choices.")}


@dataclass(frozen=True)
class Problem:
    """The content of an RFC 9457 problem; `extra`: further members of the document.

    An empty `code` or `detail` stands for that of the status in CODES and DETAILS. `detail` is in
    the language of the answer; `title` is the phrase of HTTP, which is the same in all languages.
    """

    status: int
    code: str = ""
    detail: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def document(self, request: HttpRequest) -> dict[str, Any]:
        """Return the members of the problem; `instance` is the path without the query."""
        return {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": str(self.detail or DETAILS.get(self.status, HTTPStatus(self.status).phrase)),
            "instance": escape_uri_path(request.path),
            "code": self.code or CODES.get(self.status, "error"),
            **self.extra,
        }

    def response(self, request: HttpRequest) -> JsonResponse:
        """Return the problem as a JsonResponse, for middleware outside REST framework."""
        return JsonResponse(
            self.document(request),
            status=self.status,
            headers=self.headers,
            content_type=MEDIA_TYPE,
        )


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an exception of a view as a problem; None leaves it to Django, which answers 500."""
    problem = problem_of(error)
    if problem is None:
        return None
    if isinstance(error, DomainError) and (error.to_staff or _is_for_staff(context)):
        problem = replace(problem, detail=error.staff_message)
    document = problem.document(context["request"])
    response = Response(document, status=problem.status, headers=problem.headers)
    response.problem = problem  # type: ignore[attr-defined] # for ApiMiddleware
    response.is_conflict = is_conflict(error)  # type: ignore[attr-defined] # for RetryMiddleware
    return response


def _is_for_staff(context: dict[str, Any]) -> bool:
    """Whether the caller acted as staff: the view says so, in a call of a member of staff."""
    return getattr(context["view"], "acts_as_staff", False) and context["request"].user.is_staff


def problem_of(error: BaseException) -> Problem | None:
    """Return the problem of an exception; None for an unexpected one, which is a 500."""
    for kinds, answer in ANSWERS:
        if isinstance(error, kinds):
            return answer(error)
    return None


def api_problem(error: drf.APIException) -> Problem:
    """Return the problem of an exception of REST framework."""
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = error.auth_header  # type: ignore[attr-defined]
    if isinstance(error, drf.Throttled):
        headers |= retry_after(getattr(error, "wait", None))
    return Problem(error.status_code, error.default_code, str(error.detail), headers=headers)


def unavailable(error: BaseException) -> Problem:
    """Log why the database cannot answer; return 503 with Retry-After."""
    reason = str(error).strip().partition("\n")[0]  # further lines may quote a row
    logger.error("The database cannot answer: %s", reason)
    return Problem(503, headers=retry_after(RETRY_AFTER))


def database_problem(error: DatabaseError) -> Problem | None:
    """Return 503 for an outage, such as a standby that takes no writes; None for a 500."""
    return unavailable(error) if is_outage(error) else None


def constraint_problem(error: IntegrityError) -> Problem | None:
    """Return 404 if a row that the call names was deleted meanwhile; None for a 500."""
    is_reference = getattr(error.__cause__, "pgcode", None) == "23503"
    return Problem(404) if is_reference or "FOREIGN KEY" in str(error) else None


def retry_after(seconds: float | None) -> dict[str, str]:
    """Return the header Retry-After: whole seconds, at least one."""
    return {"Retry-After": str(max(1, math.ceil(seconds or 0)))}


def validation_problem(errors: Iterator[dict[str, Any]]) -> Problem:
    """Return a problem that lists the fields that are wrong."""
    detail = gettext("Some fields are missing or wrong.")
    return Problem(400, "validation_error", detail, extra={"errors": list(errors)})


def serializer_errors(details: Any, path: str = "") -> Iterator[dict[str, Any]]:
    """Yield field, code, detail and params of each error in REST framework's nested details.

    `path`: the dotted name of the field that `details` belong to.
    """
    if isinstance(details, list):
        for entry in details:
            yield from serializer_errors(entry, path)
    elif isinstance(details.get("message"), str):
        code = details["code"] or "invalid"  # a form's own error may have none
        yield field_error(path, code, details["message"], getattr(code, "params", {}))
    else:
        for name, entries in details.items():
            yield from serializer_errors(entries, f"{path}.{name}" if path else str(name))


def model_errors(error: django.ValidationError) -> Iterator[dict[str, Any]]:
    """Yield field, code, detail and params of each error that a model or a form of Django found."""
    by_field = hasattr(error, "error_dict")
    fields = error.error_dict if by_field else {django.NON_FIELD_ERRORS: error.error_list}
    for name, faults in fields.items():
        path = "" if name == django.NON_FIELD_ERRORS else name
        for fault in faults:
            params = public_params(fault.code, fault.params)
            yield field_error(path, fault.code or "invalid", " ".join(fault.messages), params)


def field_error(path: str, code: str, detail: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Return what is wrong with one field; a client that words it itself needs no `detail`."""
    return {
        "field": path or "non_field_errors",
        "code": str(code),
        "detail": str(NEUTRAL_DETAILS.get(code, detail)),
        "params": params,
    }


# The first row that matches decides, so a subclass stands before its base class.
ANSWERS: tuple[tuple[Any, Callable[[Any], Problem | None]], ...] = (
    (DomainError, lambda error: Problem(409, error.code, error.message, extra=error.extra)),
    (
        drf.ValidationError,
        lambda error: validation_problem(serializer_errors(error.get_full_details())),
    ),
    (django.ValidationError, lambda error: validation_problem(model_errors(error))),
    (Throttled, lambda error: Problem(429, "", str(error), headers=retry_after(error.wait))),
    (CredentialsChanged, lambda error: api_problem(drf.AuthenticationFailed(str(error)))),
    (IdempotencyKeyReused, lambda error: Problem(422)),
    (drf.APIException, api_problem),
    ((Http404, django.ObjectDoesNotExist), lambda error: Problem(404)),
    (django.PermissionDenied, lambda error: Problem(403, detail=str(error))),
    (django.RequestDataTooBig, lambda error: Problem(413)),
    ((django.SuspiciousOperation, UnreadablePostError), lambda error: Problem(400)),
    ((OperationalError, InterfaceError), unavailable),
    (IntegrityError, constraint_problem),
    (DatabaseError, database_problem),
)


class FieldProblemSerializer(serializers.Serializer[Any]):
    """What is wrong with one field."""

    field = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField(help_text="A sentence in the language of the answer.")
    params = serializers.DictField(
        help_text="What the sentence names, for a client that words it itself: a limit by the name "
        'that is also its code, such as {"max_length": 500}. Empty where the code says all.',
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Not found",
            {
                "type": "about:blank",
                "title": "Not Found",
                "status": 404,
                "detail": "Not found.",
                "instance": "/api/appointment/my-appointments/12/",
                "code": "not_found",
            },
        )
    ]
)
class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457. `errors` comes with validation_error, the others with the code they name."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    code = serializers.CharField()
    errors = FieldProblemSerializer(many=True, required=False)  # type: ignore[assignment]
    alternatives = FoundSlotSerializer(
        many=True, required=False, help_text="slot_full, place_available: free slots."
    )
    appointments = serializers.ListField(
        child=serializers.IntegerField(),
        required=False,
        help_text="schedule_in_use: ids of the appointments in the way.",
    )
    weekly_hours = serializers.ListField(
        child=serializers.IntegerField(),
        required=False,
        help_text="hours_overlap: ids of the doctor's other hours in the way.",
    )
