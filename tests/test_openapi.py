"""The OpenAPI document says what is so, and all of it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.routes import api_routes

LOGIN_NEEDED = [{"token": []}, {"cookieAuth": []}]
IGNORE_CREDENTIALS = {"auth_register", "auth_login"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document, generated as the command and the view do."""
    generated: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return generated


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def bodies(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Status (or `request`) and media type object of all that the operation takes and answers."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield "request", content
    for status, response in operation["responses"].items():
        for content in response.get("content", {}).values():
            yield status, content


def test_it_is_generated_without_a_warning_and_valid() -> None:
    reset_generator_stats()
    document = SchemaGenerator().get_schema(request=None, public=True)
    validate_schema(document)
    assert not GENERATOR_STATS
    assert document["openapi"].startswith("3.1")


def test_every_route_is_documented_and_every_documented_one_is_real(
    document: dict[str, Any],
) -> None:
    documented: dict[str, set[str]] = {}
    for path, method, _ in operations(document):
        documented.setdefault(path, set()).add(method)
    assert documented == api_routes()


def test_every_operation_has_a_summary_and_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    assert all(operation["summary"] for _, _, operation in operations(document))


def test_every_operation_says_whether_it_needs_a_token(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert schemes["token"]["name"] == "Authorization"
    for path, method, operation in operations(document):
        public = path.startswith("/api/doctor/") and method == "GET"
        expected = [*LOGIN_NEEDED, {}] if public else LOGIN_NEEDED
        if operation["operationId"] in IGNORE_CREDENTIALS:
            expected = [{}]
        assert operation["security"] == expected, (method, path)


def test_every_operation_describes_its_problems_with_examples(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            if status >= "400":
                problem = response["content"]["application/problem+json"]
                assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
                codes = {example["value"]["code"] for example in problem["examples"].values()}
                assert codes, (method, path, status)
        assert {"406", "429", "503"} <= operation["responses"].keys()
        assert ("401" in operation["responses"]) == (operation["operationId"] != "auth_register"), (
            method,
            path,
        )
        assert ("404" in operation["responses"]) >= ("{" in path)


def test_the_conflicts_of_booking_are_told(document: dict[str, Any]) -> None:
    book = document["paths"]["/api/appointment/book/{doctor_id}/"]["post"]
    problem = book["responses"]["409"]["content"]["application/problem+json"]
    codes = {example["value"]["code"] for example in problem["examples"].values()}
    assert codes == {
        "already_booked",
        "patient_overlap",
        "slot_closed",
        "slot_in_past",
        "slot_full",
    }
    assert "Location" in book["responses"]["201"]["headers"]


def test_everything_with_a_body_has_an_example_that_fits_its_schema(
    document: dict[str, Any],
) -> None:
    whole = Resource.from_contents(document, default_specification=DRAFT202012)
    registry = Registry().with_resource("urn:document", whole)
    for path, method, operation in operations(document):
        for status, content in bodies(operation):
            schema = json.loads(json.dumps(content["schema"]).replace('"#/', '"urn:document#/'))
            examples = content.get("examples", {})
            assert examples, (method, path, status)
            for example in examples.values():
                errors = Draft202012Validator(schema, registry=registry).iter_errors(
                    example["value"]
                )
                assert [error.message for error in errors] == [], (method, path, status)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json", "application/json"),
        ("application/vnd.oai.openapi+json", "application/vnd.oai.openapi+json"),
        ("*/*", "application/vnd.oai.openapi"),
    ],
)
def test_anybody_can_fetch_it(client: Client, accept: str, kind: str) -> None:
    response = client.get("/api/schema/", headers={"accept": accept})
    assert response.status_code == 200
    assert response["Content-Type"].startswith(kind)
    assert b"/api/appointment/book/{doctor_id}/" in response.content


def test_swagger_ui_loads_nothing_from_another_host(client: Client) -> None:
    response = client.get("/api/docs/")
    assert response.status_code == 200
    page = response.content.decode()
    linked = re.findall(r"""(?:src|href)=["']([^"']*)""", page)
    assert linked
    assert all(link.startswith(("/static/", "/api/")) for link in linked), linked
    assert not re.findall(r"https?://(?!testserver)[\w.-]+", page)
