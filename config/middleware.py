"""Middleware of every request: who calls, for the audit, and the errors and limits of the API."""

import codecs
import uuid
from collections.abc import Callable

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.middleware import common
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import Throttled

from accounts.audit.context import ADMIN, RequestContext, use_context
from accounts.audit.context import API as OF_API
from accounts.audit.denials import record_denial
from config import problems
from config.page_middleware import is_under_api
from config.problems import Problem, api_problem, problem_of
from config.uploads import longest_body
from extensions.rest.throttling import client_address, count_call

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
FORMS = ("/admin/", "/api-auth/")
METHODS_OF_FORMS = ("GET", "HEAD", "POST")
PLAIN = _("Use https: plain http is refused here, since others can read it on the way.")
CHARSETS = ("utf-8", "ascii", "iso8859-1")


class RequestContextMiddleware:
    """Set the RequestContext that audit events read, send X-Request-ID, and record a denied call.

    The server chooses the id, since a client could use one id for many calls. The denial is
    recorded here, after the view's transaction, whose rollback would undo the record.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        context = RequestContext(
            channel=OF_API if is_under_api(request) else ADMIN,
            address=client_address(request),
            request_id=uuid.uuid4().hex,
            get_user=lambda: getattr(request, "user", None),
        )
        with use_context(context):
            response = self.get_response(request)
            response.headers["X-Request-ID"] = context.request_id
            record_denial(request, response)
        return response


class ApiMiddleware:
    """Turn every error under /api/ into a problem (RFC 9457), also one raised outside a view.

    Counts the calls that no view has counted towards the limit of their address: a wrong token, an
    unknown path, a body that is too large, what another middleware refuses.

    Stands outside the session's middleware, so that a call with a token sets no cookie. Where https
    is required, plain http is refused rather than redirected: a client that sends its token
    unencrypted would otherwise work, and nobody would notice.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_under_api(request):
            return _refused_page(request) or self.get_response(request)
        if problem := _refused_call(request):
            return _counted(request, problem.response(request))
        response = self.get_response(request)
        if response.status_code >= 400:
            response = _as_problem(request, response)
        if "Authorization" in request.headers:
            response.cookies.clear()
        return _counted(request, response)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the problem for an error of an API view or of its rendering, else None."""
        problem = problem_of(error) if is_under_api(request) else None
        return problem.response(request) if problem else None


class CommonMiddleware(common.CommonMiddleware):
    """Django's CommonMiddleware, but a write under /api/ without its trailing slash is 404.

    A redirect would turn the write into a read and lose its body.
    """

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        if is_under_api(request) and request.method not in SAFE_METHODS:
            return False
        return super().should_redirect_with_slash(request)


def _as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Return an error response as a problem with the same headers; keep a page for a browser."""
    if response.get("Content-Type") == problems.MEDIA_TYPE or _is_page(request, response):
        return response
    problem = getattr(response, "problem", None) or Problem(response.status_code)
    answer = problem.response(request)
    for name, value in response.items():
        if name != "Content-Length":
            answer.headers.setdefault(name, value)
    return answer


def _is_page(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether the response is HTML, and a browser or `?format=api` asked for it."""
    if not response.get("Content-Type", "").startswith("text/html"):
        return False
    of_browsable_api = getattr(getattr(response, "accepted_renderer", None), "format", "") == "api"
    kinds = ["application/json", "text/html"]
    return of_browsable_api or request.get_preferred_type(kinds) == "text/html"


def _refused_page(request: HttpRequest) -> HttpResponse | None:
    """Return the refusal of a call outside /api/ that Django would answer wrongly, else None."""
    if not _is_readable(request):
        return Problem(415).response(request)
    if request.path.startswith(FORMS) and request.method not in METHODS_OF_FORMS:
        return HttpResponseNotAllowed(METHODS_OF_FORMS)  # Django would answer with the page
    if request.path == settings.UPLOAD_PATH and _length(request) > longest_body(request.path):
        return HttpResponseRedirect(f"{settings.UPLOAD_PATH}?too_large")  # the page says so
    return None


def _refused_call(request: HttpRequest) -> Problem | None:
    """Return the problem of a call under /api/ that no view can read, else None."""
    if not _is_readable(request):
        return Problem(415)
    if settings.SECURE_SSL_REDIRECT and not request.is_secure():
        return Problem(403, detail=str(PLAIN))
    if _length(request) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return Problem(413)
    return None


def _counted(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Count the call if no view has; return the response, or 429 over the limit of the address.

    A fault of the server, as without its database, is not counted.
    """
    if response.status_code >= 500:
        return response
    try:
        count_call(request)
    except Throttled as error:
        return api_problem(error).response(request)
    except Error:  # the database is away: the response needed none
        pass
    return response


def _is_readable(request: HttpRequest) -> bool:
    """Whether the request's charset is in CHARSETS; other codecs of Python decompress, or raise."""
    return request.encoding is None or codecs.lookup(request.encoding).name in CHARSETS


def _length(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else 0
