"""The last word on what leaves /api/: problems, sizes, cookies."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware import common

from config import problems
from config.problems import Problem, problem_of

API = "/api/"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
DRAINED = 16 * 1024 * 1024


class ApiMiddleware:
    """Make a problem of every error under /api/, also of those that no view lived to answer.

    Stands outside the session's middleware, so that a call with a token sets no cookie.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(API):
            return self.get_response(request)
        if _length(request) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            _drain(request)
            return Problem(413).response(request)
        response = self.get_response(request)
        if response.status_code >= 400:
            response = _as_problem(request, response)
        if "Authorization" in request.headers:
            response.cookies.clear()
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer what a view or the rendering of its answer raised, where a problem fits."""
        problem = problem_of(error) if request.path.startswith(API) else None
        return problem.response(request) if problem else None


class CommonMiddleware(common.CommonMiddleware):
    """Django's, but a write under /api/ without its trailing slash is 404.

    The redirect would turn the write into a read and lose its body.
    """

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        if request.path.startswith(API) and request.method not in SAFE_METHODS:
            return False
        return super().should_redirect_with_slash(request)


def _as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """The answer as a problem, unless it is one for a person: the browsable API's HTML."""
    kind = response.get("Content-Type", "")
    if getattr(response, "is_problem", False):
        if kind.startswith("application/json"):
            response["Content-Type"] = problems.MEDIA_TYPE
        return response
    if kind == problems.MEDIA_TYPE or _wants_html(request):
        return response
    return Problem(response.status_code).response(request)


def _wants_html(request: HttpRequest) -> bool:
    return request.get_preferred_type(["application/json", "text/html"]) == "text/html"


def _length(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else 0


def _drain(request: HttpRequest) -> None:
    """Read on for a while: a client whose upload is cut off never sees the answer."""
    for _ in range(0, min(_length(request), DRAINED), 65536):
        if not request.read(65536):
            return
