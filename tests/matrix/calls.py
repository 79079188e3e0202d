"""The calls of the matrix: every method by every caller, for own, another's and absent rows."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import time_machine
from django.apps import apps
from django.conf import settings
from django.db.models import Model
from django.test import RequestFactory
from django.utils import timezone

from config.wsgi import Handler
from tests.matrix.callers import (
    CALLERS,
    LET_IN,
    NOT_STAFF,
    SHUT_OUT,
    SITE_STAFF,
    WHOSE,
    Callers,
)
from tests.matrix.tables import (
    METHODS,
    OF_PAGES,
    OFF_PAGES,
    READING,
    WRITING,
    Cells,
    cell,
    entries_of,
)
from tests.problems import MEDIA_TYPE
from tests.routes import api_routes
from tests.sample_data import rolled_back

# Values of the path parameters that are not the key of a row.
SAMPLES = {"app_label": "patient", "url": "nothing/", "content_type_id": "1"}
# The content type of a body, by whether the path is of the API.
KINDS = {True: "application/json", False: "application/x-www-form-urlencoded"}
ONE_OF_STAFF = ("superuser",)  # asks for what depends on no right
BY_CALL = {"X-Request-ID"}  # a header that differs between any two answers


@dataclass(frozen=True)
class Answer:
    """The response of the application to a call of this path."""

    path: str
    response: Any

    @property
    def status(self) -> int:
        return int(self.response.status_code)

    def content(self) -> tuple[Any, ...]:
        """Return status, headers and body without what differs by call: path and request id."""
        headers = {
            name: value.replace(self.path, "") if name == "Location" else value
            for name, value in self.response.items()
            if name not in BY_CALL
        }
        body = self.response.content.decode()
        if headers.get("Content-Type") == MEDIA_TYPE:
            body = {name: value for name, value in json.loads(body).items() if name != "instance"}
        return self.status, headers, body


Answers = dict[tuple[str, str, str], Answer]  # by method, caller and owner


class Calls:
    """A client that calls the application as the server does, without a socket."""

    def __init__(self, callers: Callers) -> None:
        self.callers = callers
        self.handler = Handler()
        self.factory = RequestFactory()
        self.absent_like = cache(absent_key_like)
        self.first_two = cache(first_two)
        self.of_api = cache(self._of_api)  # two tests look at the answers

    def of_route(self, route: str) -> Answers:
        """Return every answer of a route. Each change is undone before the next call.

        All calls happen at one instant, because some headers contain the time.
        """
        with time_machine.travel(timezone.now(), tick=False):
            return self._answers(route, METHODS, CALLERS, WHOSE)

    def _of_api(self, route: str) -> Answers:
        """Return the answers of a route of the API. The drill asks for those left out here.

        A method that the route does not have is refused before the view looks for a row, and so is
        a caller whose login does not count: these ask for rows of the caller's own only. Patient B
        and the doctor of B get what patient A and the doctor of A get. HEAD is GET without the
        body, and one handler refuses all methods that a route does not have. The answer to OPTIONS
        depends on the caller, and on no row.
        """
        served = sorted(api_routes().get(route, {"GET"}))
        refused = [method for method in (*WRITING, "GET") if method not in served]
        with time_machine.travel(timezone.now(), tick=False):
            answers = self._answers(route, served, LET_IN, WHOSE)
            answers |= self._answers(route, served, SHUT_OUT, WHOSE[:1])
            by_all = ("OPTIONS", *refused[:1])
            answers |= self._answers(route, by_all, (*LET_IN, *SHUT_OUT), WHOSE[:1])
            return answers | self._answers(route, ("HEAD", *refused[1:]), ONE_OF_STAFF, WHOSE[:1])

    def of_page(self, route: str) -> Answers:
        """Return the answers of a page to one caller of each kind. The drill asks for all callers.

        A caller who is not staff gets the login page before the admin looks for a row. A page has
        only two methods, and HEAD is GET without the body. Those who see all sites get the same for
        any row that exists. Staff here ask for rows of their sites and of others, staff there for
        rows of others only.
        """
        own, _, absent = WHOSE
        with time_machine.travel(timezone.now(), tick=False):
            answers = self._answers(route, OF_PAGES, ONE_OF_STAFF, (own, absent))
            answers |= self._answers(route, ("GET",), ("reception",), WHOSE[1:])
            answers |= self._answers(route, ("POST",), ("reception",), (own,))
            answers |= self._answers(route, OF_PAGES, ("staff here",), WHOSE[:2])
            answers |= self._answers(route, ("GET",), ("staff there",), (own,))
            answers |= self._answers(route, OF_PAGES, NOT_STAFF, (own,))
            return answers | self._answers(route, ("HEAD", *OFF_PAGES), ONE_OF_STAFF, (own,))

    def get(self, route: str, caller: str) -> Answer:
        """Return the answer of a route to a caller who asks for a row of their own."""
        return self._ask("GET", caller, self._path(route, caller, WHOSE[0]), "")

    def ask(self, method: str, route: str, caller: str, body: str | None = None) -> Answer:
        """Return the answer to a body, by default the matrix's, about a row of the caller's own."""
        own = WHOSE[0]
        sent = self._body(method, route, caller, own) if body is None else body
        return self._ask(method, caller, self._path(route, caller, own), sent)

    def _answers(
        self, route: str, methods: Sequence[str], callers: Sequence[str], whose_each: Sequence[str]
    ) -> Answers:
        answers: Answers = {}
        for caller, whose in product(callers, whose_each if is_keyed(route) else WHOSE[:1]):
            path = self._path(route, caller, whose)
            for method in methods:
                body = self._body(method, route, caller, whose)
                with nullcontext() if method in READING else rolled_back():
                    answers[method, caller, whose] = self._ask(method, caller, path, body)
        return answers

    def _ask(self, method: str, caller: str, path: str, body: str) -> Answer:
        of_api = path.startswith("/api/")
        extra: dict[str, Any] = {"content_type": KINDS[of_api]} if body else {}
        if caller != "anonymous" and of_api:
            extra["HTTP_AUTHORIZATION"] = f"Token {self.callers.tokens[caller]}"
        elif caller != "anonymous":
            extra["HTTP_COOKIE"] = f"{settings.SESSION_COOKIE_NAME}={self.callers.cookies[caller]}"
        request = self.factory.generic(method, path, body, **extra)
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
        return Answer(path, self.handler.get_response(request))

    def _body(self, method: str, route: str, caller: str, whose: str) -> str:
        if not route.startswith("/api/"):
            return "post=yes" if method == "POST" else ""  # confirms an action that needs it
        sample_data = self.callers.other[caller] if whose == "other" else self.callers.own[caller]
        body = sample_data.body(method, route)
        return "" if body is None else json.dumps(body)

    def _path(self, route: str, caller: str, whose: str) -> str:
        if "{secret}" in route:  # whoever has it may read what is behind it
            return self.callers.own["patient A"].path(route)
        if not is_keyed(route):
            return re.sub(r"{(\w+)}", lambda match: SAMPLES[match[1]], route)
        own, other = self._rows(route, caller)
        key = {"own": own.pk, "other": other.pk}.get(whose) or self.absent_like(other)
        return re.sub(r"{\w+}", str(key), route.replace("{content_type_id}", "1"))

    def _rows(self, route: str, caller: str) -> tuple[Model, Model]:
        if route.startswith("/api/"):
            return self.callers.own[caller].rows()[route], self.callers.other[caller].rows()[route]
        model = model_of_page(route)
        account = self.callers.accounts.get(caller)
        if isinstance(account, model):
            return account, self.callers.other[caller].accounts["owner"]
        if caller in SITE_STAFF and model in (here := self.callers.site_rows[0]):
            return here[model], self.callers.site_rows[1][model]
        first, second = self.first_two(model)
        return first, second


def is_keyed(route: str) -> bool:
    """Return whether the path names a row."""
    return "id}" in route


def model_of_page(route: str) -> type[Model]:
    """Return the model whose rows a page of the admin names."""
    if route.startswith("/admin/r/"):
        return apps.get_model("patient", "patient")
    if route.startswith("/admin/desk/"):  # the desk names its parameters after models
        [name] = re.findall(r"{(\w+)_id}", route)
        return next(model for model in apps.get_models() if model._meta.model_name == name)
    _, _, app, model, *_ = route.split("/")
    return apps.get_model(app, model)


def first_two(model: type[Model]) -> list[Any]:
    """Return the two oldest rows of a model. The matrix needs two of each model in the admin."""
    rows = list(model._default_manager.order_by("pk")[:2])
    assert len(rows) == 2, f"tests/matrix/callers.py has to make two rows of {model._meta.label}"
    return rows


def absent_key_like(row: Any) -> Any:
    """Return a key of the same length that no row has, so that the answers are as long."""
    if isinstance(row.pk, str):
        return "0" * len(row.pk)
    first = 10 ** (len(str(row.pk)) - 1)
    taken = set(type(row)._default_manager.values_list("pk", flat=True))
    return next(absent for absent in range(first, 10 * first) if absent not in taken)


def cells_of(route: str, answers: Answers, read: Callable[[Answer], str], listed: Cells) -> Cells:
    """Map (method, caller) to the cell of the table; `read` gives an answer's entry.

    For a row that the caller did not ask for, the cell has the listed entry.
    """
    asked = WHOSE if is_keyed(route) else WHOSE[:1]
    found: Cells = {}
    for method, caller, _ in answers:
        entries = dict(zip(WHOSE, entries_of(listed[method, caller]), strict=True))
        got = {
            whose: read(answers[method, caller, whose])
            for whose in asked
            if (method, caller, whose) in answers
        }
        found[method, caller] = cell([(entries | got)[whose] for whose in asked])
    return found


def distinguishable(answers: Answers, read: Callable[[Answer], str]) -> Iterator[str]:
    """Yield each call whose answers for another's and an absent row differ only in their content.

    Such a difference betrays that the row exists, and the table does not show it. Successes do not
    count.
    """
    for (method, caller, whose), other in answers.items():
        if whose == "other" and (method, caller, "absent") in answers:
            absent = answers[method, caller, "absent"]
            same = read(other) == read(absent)
            if same and other.status >= 300 and other.content() != absent.content():
                yield f"{method} by {caller}"
