"""Assertions about the errors of the API."""

import json
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from django.urls import Resolver404, resolve

from extensions.rest.serializers import LIMITS
from tests.answers import faults
from tests.routes import template_of

MEDIA_TYPE = "application/problem+json"
MEMBERS = {"type", "title", "status", "detail", "instance", "code"}
# A problem with this code has these members, too.
MORE_MEMBERS = {
    "validation_error": {"errors"},
    "slot_full": {"alternatives"},
    "place_available": {"alternatives"},
    "schedule_in_use": {"appointments"},
    "hours_overlap": {"weekly_hours"},
}


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """Assert that the answer is this problem of RFC 9457, with exactly its members. Return them."""
    assert response.status_code == status, response.content[:500]
    assert response["Content-Type"] == MEDIA_TYPE
    problem: dict[str, Any] = json.loads(response.content)
    assert set(problem) == MEMBERS | MORE_MEMBERS.get(code, set())
    assert problem["type"] == "about:blank"
    assert (problem["title"], problem["status"]) == (HTTPStatus(status).phrase, status)
    assert (problem["instance"], problem["code"]) == (response.request["PATH_INFO"], code)
    assert isinstance(problem["detail"], str)
    assert problem["detail"]
    assert not response.cookies
    assert_documented(response)
    return problem


def assert_documented(response: Any) -> None:
    """Assert that the OpenAPI document admits the answer to this call, if it has its path."""
    method, path = response.request["REQUEST_METHOD"], response.request["PATH_INFO"]
    with suppress(Resolver404):
        assert list(faults(method, template_of(resolve(path).route), response)) == []


def assert_invalid(response: Any, *fields: str) -> dict[str, Any]:
    """Assert that the answer is 400 and blames exactly these fields. Return code by field."""
    errors = assert_problem(response, 400, "validation_error")["errors"]
    for error in errors:
        assert set(error) == {"field", "code", "detail", "params"}
        limits = {error["code"]} & set(LIMITS)  # each comes with the limit, by the same name
        assert limits <= set(error["params"]), error
    assert {error["field"] for error in errors} == set(fields), errors
    return {error["field"]: error["code"] for error in errors}
