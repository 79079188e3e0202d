"""Successful responses and problems have exactly the members in tests/matrix/fields.txt.

A new member needs its entry there.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.document import JSON, document, members, operation
from tests.matrix.tables import fields_table
from tests.problems import MEMBERS, MORE_MEMBERS
from tests.routes import api_routes
from tests.sample_data import SampleData, call, rolled_back

pytestmark = pytest.mark.django_db

FIELDS = fields_table()
PROBLEM = "problem"
CALLS = [
    (method, route)
    for route, methods in api_routes().items()
    for method in sorted(methods)
    if not route.endswith(".ics")  # a calendar has no members of JSON
]


def good_answers() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (`METHOD route status`, schema) of each documented 2xx response that has a body."""
    for method, route in CALLS:
        for status, answer in operation(method, route)["responses"].items():
            if status < "300" and JSON in answer.get("content", {}):
                yield f"{method} {route} {status}", answer["content"][JSON]["schema"]


def test_the_document_promises_exactly_the_listed_members() -> None:
    promised = {of: members(schema) for of, schema in good_answers()}
    promised[PROBLEM] = members(document()["components"]["schemas"]["Problem"])
    assert promised == FIELDS


def test_a_problem_has_the_members_of_the_list() -> None:
    known = names_after("", FIELDS[PROBLEM])
    assert set(known) == MEMBERS.union(*MORE_MEMBERS.values())
    assert {name for name, member in known.items() if name == member} == MEMBERS


@pytest.mark.parametrize(("method", "route"), CALLS)
def test_an_answer_has_exactly_the_listed_members(
    method: str, route: str, sample_data: SampleData
) -> None:
    client = sample_data.client_for(method, route)
    with rolled_back():
        answer = call(client, method, sample_data.path(route), sample_data.body(method, route))
    frozen = FIELDS.get(f"{method} {route} {answer.status_code}", [])
    assert bool(answer.content) is bool(frozen)
    if frozen:
        assert list(differences(answer.json(), frozen)) == []


def differences(answer: Any, frozen: list[str], path: str = "") -> Iterator[str]:
    """Yield the path of each member that is not listed, and of each required one that is absent."""
    if isinstance(answer, list):
        for one in answer:
            yield from differences(one, frozen, f"{path}[]")
    elif isinstance(answer, dict):
        prefix = f"{path}." if path else ""
        listed = names_after(prefix, frozen)
        yield from (prefix + name for name in set(answer) - set(listed))
        yield from (
            prefix + name
            for name, member in listed.items()
            if name not in answer and not member.endswith("?")
        )
        for name, value in answer.items():
            yield from differences(value, frozen, prefix + listed.get(name, str(name)))


def names_after(prefix: str, frozen: list[str]) -> dict[str, str]:
    """Map each member name that follows the prefix to its spelling there, `name?` if optional."""
    tails = (member.removeprefix(prefix) for member in frozen if member.startswith(prefix))
    listed = (tail.partition(".")[0].partition("[")[0] for tail in tails)
    return {member.removesuffix("?"): member for member in listed}
