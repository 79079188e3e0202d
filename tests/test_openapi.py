"""The OpenAPI document is complete, valid and true to the routes; its examples are true to it."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import jsonschema_rs
import pytest
import yaml
from django.contrib.staticfiles import finders
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from accounts.models import User
from extensions.icalendar import MEDIA_TYPE as CALENDAR
from tests.document import JSON, document
from tests.problems import MEDIA_TYPE, MORE_MEMBERS
from tests.routes import METHODS, api_routes
from tests.sample_data import PEOPLE, SampleData, call, rolled_back

# A login changes what these answer, and they answer without one.
LOGIN_IS_OPTIONAL = {
    ("POST", "/api/auth/verify-email/"),
    ("GET", "/api/doctor/doctors/{doctor_id}/available-slots/"),
    ("GET", "/api/doctor/schedules/"),
    ("GET", "/api/doctor/schedules/{id}/"),
}


@pytest.fixture(scope="module", name="document")
def whole_document() -> dict[str, Any]:
    """Return the generated OpenAPI document as a client parses it from JSON."""
    return document()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (METHOD, path, operation) of each operation in the document."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield method.upper(), path, operation


def contents(operation: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (`request` or status, media type, content) of each body of the operation."""
    bodies = {"request": operation.get("requestBody", {}), **operation["responses"]}
    for of, body in bodies.items():
        for kind, content in body.get("content", {}).items():
            yield of, kind, content


def examples(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Yield (`request` or status, schema, value) of each example of the operation."""
    for of, _, content in contents(operation):
        for example in content.get("examples", {}).values():
            yield of, content["schema"], example["value"]


def test_the_document_generates_without_a_warning() -> None:
    GENERATOR_STATS.reset()
    SchemaGenerator().get_schema(request=None, public=True)
    noted = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
    GENERATOR_STATS.reset()
    assert noted == []


def test_the_document_is_valid_openapi_3_1(document) -> None:
    # It imports jsonschema, which takes a second in each process that only collects this module.
    from drf_spectacular.validation import validate_schema  # noqa: PLC0415

    validate_schema(document)
    assert re.fullmatch(r"3\.1\.\d", document["openapi"])
    assert document["info"]["title"]
    assert document["info"]["version"]


def test_each_route_is_documented_and_each_documented_one_is_real(document) -> None:
    documented: dict[str, set[str]] = {}
    for method, path, _ in operations(document):
        documented.setdefault(path, set()).add(method)
    assert documented == api_routes()


def test_every_operation_has_a_summary_an_example_and_a_name_of_its_own(document) -> None:
    names = [operation["operationId"] for *_, operation in operations(document)]
    assert len(names) == len(set(names))
    for method, path, operation in operations(document):
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)
        assert operation["tags"], (method, path)
        good = [of for of, *_ in examples(operation) if of == "request" or int(of) < 400]
        assert good or "204" in operation["responses"], (method, path)


def test_every_body_of_a_good_answer_and_of_a_request_has_an_example(document) -> None:
    for method, path, operation in operations(document):
        for of, kind, content in contents(operation):
            assert content.get("examples"), (method, path, of)
            good = CALENDAR if path.endswith(".ics") else JSON
            assert kind == (good if of == "request" or int(of) < 400 else MEDIA_TYPE)


def test_every_operation_documents_its_errors_as_problems(document) -> None:
    for method, path, operation in operations(document):
        answers = operation["responses"]
        expected = {"400", "406", "429", "503"}
        expected |= {"404"} if "{" in path else set()
        expected |= {"401"} if operation["security"] else set()
        expected |= {"413", "415"} if "requestBody" in operation else set()
        assert expected <= set(answers), (method, path)
        good = [status for status in answers if status < "300"]
        may_preview = "preview" in {each["name"] for each in operation.get("parameters", ())}
        may_preview &= method not in {"PUT", "PATCH"}  # these answer 200 either way
        is_two = may_preview or path == "/api/auth/verify-email/"  # 202: mails again
        assert len(good) == (2 if is_two else 1), (method, path)
        for status in (status for status in answers if status >= "400"):
            content = answers[status]["content"][MEDIA_TYPE]
            codes = [example["value"]["code"] for example in content["examples"].values()]
            assert codes_of(content["schema"], document) == codes
        for status in ("429", "503"):
            assert "Retry-After" in answers[status]["headers"]


def codes_of(schema: dict[str, Any], document: dict[str, Any]) -> list[str]:
    """Return the code of each problem that the schema admits; several are told apart by it."""
    several = schema.get("oneOf", [schema])
    if len(several) > 1:
        assert schema["discriminator"]["propertyName"] == "code"
        assert list(schema["discriminator"]["mapping"].values()) == [o["$ref"] for o in several]
    schemas = document["components"]["schemas"]
    named = [schemas[one["$ref"].rpartition("/")[2]] for one in several]
    return [problem["properties"]["code"]["const"] for problem in named]


def test_every_example_is_what_its_schema_says(document) -> None:
    checked = 0
    for method, path, operation in operations(document):
        for of, schema, example in examples(operation):
            whole = {**schema, "components": document["components"]}
            checker = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
            assert [error.message for error in checker.iter_errors(example)] == [], (
                method,
                path,
                of,
            )
            checked += 1
    assert checked > 300


def test_every_example_of_a_problem_has_the_members_of_its_code(document) -> None:
    for _, path, operation in operations(document):
        for of, _, example in examples(operation):
            if of != "request" and of >= "400":
                members = {"type", "title", "status", "detail", "instance", "code"}
                assert set(example) == members | MORE_MEMBERS.get(example["code"], set())
                assert str(example["status"]) == of
                assert "{" not in example["instance"], path


def test_operations_name_their_authentication_or_are_marked_public(
    document, db: None, client_of
) -> None:
    assert document["components"]["securitySchemes"]["token"]["name"] == "Authorization"
    schemes = document["components"]["securitySchemes"]
    for method, path, operation in operations(document):
        security = operation["security"]
        answer = call(client_of(None), method, re.sub(r"{\w+}", "1", path))
        is_public = security == [] or {} in security
        assert is_public is (answer.status_code != 401), (method, path)
        assert {"token": []} in security or security == [], (method, path)
        assert ({} in security) is ((method, path) in LOGIN_IS_OPTIONAL), (method, path)
        assert {name for scheme in security for name in scheme} <= set(schemes)


@pytest.mark.django_db
def test_every_example_of_a_request_is_accepted(document, sample_data: SampleData) -> None:
    """The ids in an example may not exist here; its shape and its values are right."""
    owner = User.objects.get(pk=sample_data.accounts["owner"].pk)
    owner.set_password("clinic-demo")
    owner.store_password()
    sample_data.waiting.leave()  # else the example of joining may be the same wish again
    sample_data.accounts["owner"].refresh_from_db()
    clients = {person: sample_data.client(person) for person in PEOPLE}
    for method, path, operation in operations(document):
        for of, _, example in examples(operation):
            if of == "request":
                with rolled_back():
                    client = clients[sample_data.person_for(method, path)]
                    answer = call(client, method, sample_data.path(path), example)
                assert_accepted(answer, path)


def assert_accepted(answer: Any, path: str) -> None:
    """Assert that the body is accepted, or refused only for an unknown id, login or token."""
    absent = {401} if path == "/api/auth/login/" else {404}
    if answer.status_code not in {200, 201, 202, 204} | absent:
        form_errors = {(error["field"], error["code"]) for error in answer.json().get("errors", ())}
        of_nobody = {fault for fault in form_errors if fault[1] == "does_not_exist"}
        assert form_errors == (of_nobody or {("token", "invalid")}), (path, answer.content)


def test_the_conflicts_of_booking_are_reported(document) -> None:
    book = document["paths"]["/api/appointment/book/{doctor_id}/"]["post"]
    reported = {example["code"] for of, _, example in examples(book) if of == "409"}
    of_slot = {"slot_closed", "slot_in_past", "too_soon", "too_far", "slot_full"}
    of_patient = {"patient_deceased", "already_booked", "patient_overlap", "too_many_appointments"}
    assert reported == of_slot | of_patient
    assert "Location" in book["responses"]["201"]["headers"]


def test_every_parameter_says_what_it_is(document) -> None:
    for method, path, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            assert parameter["schema"], (method, path)
            if parameter["in"] == "path":
                kind = "string" if parameter["name"] == "secret" else "integer"
                assert parameter["schema"]["type"] == kind
        in_path = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path))


# --- The served document --------------------------------------------------------------------------


def read_yaml(content: bytes) -> Any:
    """Parse the YAML by the C library, since the Python parser takes seconds."""
    return yaml.load(content, Loader=yaml.CSafeLoader)


@pytest.mark.parametrize(
    ("accept", "kind", "read"),
    [
        ("application/json", "application/json", json.loads),
        ("application/vnd.oai.openapi+json", "application/vnd.oai.openapi+json", json.loads),
        ("application/yaml", "application/yaml", read_yaml),
        ("*/*", "application/json", json.loads),
        ("", "application/json", json.loads),
    ],
)
def test_every_caller_reads_the_document_as_yaml_and_as_json(
    accept: str, kind: str, read: Any, document, db: None
) -> None:
    answer = Client().get("/api/schema/", headers={"accept": accept})
    assert answer.status_code == 200
    assert answer["Content-Type"].partition(";")[0] == kind
    assert read(answer.content)["paths"].keys() == document["paths"].keys()


class Assets(HTMLParser):
    """A parser that collects the URLs of the scripts, links and images of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        wanted = ("src", "href") if tag in {"script", "link", "img"} else ()
        self.found += [value for name, value in attrs if name in wanted]


def test_the_docs_load_nothing_from_elsewhere(db: None) -> None:
    answer = Client().get("/api/docs/", headers={"accept": "text/html"})
    assert answer.status_code == 200
    page = answer.content.decode()
    assert set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", page)) == set()
    assets = Assets()
    assets.feed(page)
    script = "/api/docs/?script="
    assert len(assets.found) >= 4
    for asset in set(assets.found) - {script}:
        assert asset.startswith("/static/"), asset
        assert finders.find(asset.removeprefix("/static/")), asset
    assert "/api/schema/" in Client().get(script, headers={"accept": "*/*"}).content.decode()
