"""Nothing in the OpenAPI document misleads the programs that are generated from it."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from config import document_view
from tests.document import document
from tests.problems import assert_invalid
from tests.routes import METHODS
from tests.sample_data import PEOPLE, SampleData, call

MAX_SIZE = 500_000  # bytes
# By operation, two members of which its body has exactly one.
ONE_OF = {
    ("post", "/api/appointment/book/{doctor_id}/"): ("slot_id", "schedule_id"),
    ("post", "/api/appointment/waitlist/"): ("doctor", "specialty"),
    ("post", "/api/doctor/time-off/"): ("doctor", "location"),
    ("put", "/api/doctor/time-off/{id}/"): ("doctor", "location"),
}
FORMATS = ("application/json", "application/yaml")


def schemas() -> dict[str, Any]:
    """Return the schemas of the document by name."""
    found: dict[str, Any] = document()["components"]["schemas"]
    return found


def nodes(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the path and the content of each object in the document, but in no example."""
    if isinstance(node, dict):
        yield path, node
        for name, value in node.items():
            if name not in {"example", "examples"}:
                yield from nodes(value, f"{path}/{name}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from nodes(value, f"{path}/{number}")


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (method, path, operation) of each operation."""
    for path, methods in document()["paths"].items():
        for method in METHODS:
            if method in methods:
                yield method, path, methods[method]


def test_a_client_that_sends_the_defaults_of_a_patch_erases_nothing() -> None:
    patched = [name for name in schemas() if name.startswith("Patched")]
    assert len(patched) > 5
    for name in patched:
        assert [path for path, node in nodes(schemas()[name]) if "default" in node] == [], name
    bodies = [op["requestBody"] for method, _, op in operations() if method == "patch"]
    used = {content["schema"]["$ref"] for body in bodies for content in body["content"].values()}
    assert {name.rpartition("/")[2] for name in used} == set(patched)


def test_a_default_is_a_value_and_stands_in_requests_only() -> None:
    defaults = {path: node["default"] for path, node in nodes(document()) if "default" in node}
    assert not [path for path, value in defaults.items() if value in ("", None)]
    of_schemas = {path.split("/")[3] for path in defaults if path.startswith("/components/schemas")}
    assert "ScheduleRequest" in of_schemas
    assert {name for name in of_schemas if not name.endswith("Request")} == set()


def test_a_choice_without_a_value_is_null_and_never_blank() -> None:
    for path, node in nodes(document()):
        assert "" not in node.get("enum", ()), path
        assert node.get("maxLength") != 0, path
    for where in (schemas()["Patient"], schemas()["PatientRequest"], schemas()["Person"]):
        assert {"type": "null"} in where["properties"]["sex"]["oneOf"]
        assert "null" in where["properties"]["preferred_language"]["type"]
    for event in (schemas()["Event"], schemas()["VisitEvent"]):
        assert {"type": "null"} in event["properties"]["from_status"]["oneOf"]


def test_the_alternatives_are_rows_of_the_search_for_free_slots() -> None:
    lists = [
        (path, node["properties"]["alternatives"]["items"])
        for path, node in nodes(document())
        if "alternatives" in node.get("properties", {})
    ]
    assert len(lists) >= 5
    for path, items in lists:
        assert items == {"$ref": "#/components/schemas/FoundSlot"}, path
    assert "doctor" in schemas()["FoundSlot"]["required"]


def test_a_body_that_needs_one_of_two_members_is_required_and_one_of_two_schemas() -> None:
    for method, path, operation in operations():
        [*contents] = operation.get("requestBody", {}).get("content", {}).values()
        for schema in (content["schema"]["$ref"].rpartition("/")[2] for content in contents):
            parts = [
                schemas()[o["$ref"].rpartition("/")[2]] for o in schemas()[schema].get("oneOf", ())
            ]
            members = ONE_OF.get((method, path), ())
            assert len(parts) == len(members), path
            for part, member, other in zip(parts, members, reversed(members), strict=True):
                assert member in part["required"]
                assert other not in part["properties"]
                assert operation["requestBody"]["required"] is True


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path"), ONE_OF)
def test_a_body_with_both_members_of_such_a_pair_or_with_none_is_400(
    method: str, path: str, sample_data: SampleData
) -> None:
    session, specialty = sample_data.session, sample_data.specialty
    slot = session.slots.earliest("starts_at").pk
    keys = {"slot_id": slot, "schedule_id": session.pk, "doctor": session.doctor_id}
    keys |= {"specialty": specialty.pk, "location": session.location_id}
    client, members = sample_data.client_for(method.upper(), path), ONE_OF[method, path]
    body = sample_data.body(method.upper(), path) or {}
    none = {name: value for name, value in body.items() if name not in members}
    for refused in (body | {name: keys[name] for name in members}, none):
        assert_invalid(call(client, method, sample_data.path(path), refused), "non_field_errors")


def test_an_operation_without_a_login_says_so_by_an_empty_list() -> None:
    for method, path, operation in operations():
        assert operation["security"] != [{}], (method, path)
        if path in {"/api/auth/login/", "/api/auth/register/", "/api/doctor/doctors/"}:
            assert operation["security"] == [], (method, path)


def test_the_document_names_its_server_its_tags_and_every_code() -> None:
    assert document()["servers"][0]["url"] == "/"
    tags = [tag["name"] for tag in document()["tags"]]
    assert {tag for *_, op in operations() for tag in op["tags"]} == set(tags)
    codes = set(schemas()["Problem"]["properties"]["code"]["enum"])
    assert codes >= {"validation_error", "slot_full", "not_found", "method_not_allowed"}
    own = {schema["properties"]["code"]["const"] for name, schema in schemas().items()
           if name.endswith("Problem") and name not in {"Problem", "FieldProblem"}}  # fmt: skip
    assert own <= codes


# --- The served document --------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_document_is_built_once_and_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    build = SchemaGenerator.get_schema

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        built.append("once")
        return build(self, *args, **kwargs)

    monkeypatch.setattr(SchemaGenerator, "get_schema", counted)
    document_view.built.cache_clear()
    document_view._rendered.cache_clear()
    answers = [
        Client().get("/api/schema/", headers={"accept": kind}) for kind in (*FORMATS, *FORMATS)
    ]
    assert built == ["once"]
    assert {answer.status_code for answer in answers} == {200}
    assert max(len(answer.content) for answer in answers) < MAX_SIZE
    assert json.loads(answers[0].content)["paths"].keys() == document()["paths"].keys()


def test_of_clients_that_come_together_one_builds_the_document(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    builders: list[bool] = []

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        builders.append(document_view.BUILDING.locked())
        return {"openapi": "3.1.0"}

    kept = document_view.built()
    monkeypatch.setattr(SchemaGenerator, "get_schema", counted)
    document_view.built.cache_clear()
    document_view._rendered.cache_clear()
    with ThreadPoolExecutor(12) as pool:
        answers = set(pool.map(document_view.rendered, ["json"] * 12))
    assert (builders, len(answers)) == ([True], 1)
    document_view.built.cache_clear()
    document_view._rendered.cache_clear()
    monkeypatch.undo()
    assert document_view.built() == kept


@pytest.mark.django_db
def test_every_caller_gets_the_same_document_and_304_for_the_one_they_have(
    sample_data: SampleData,
) -> None:
    for kind in FORMATS:
        answers = [
            sample_data.client(person).get("/api/schema/", headers={"accept": kind})
            for person in PEOPLE
        ]
        [content] = {answer.content for answer in answers}
        assert content
        [etag] = {answer["ETag"] for answer in answers}
        again = Client().get("/api/schema/", headers={"accept": kind, "if-none-match": etag})
        assert (again.status_code, again.content) == (304, b"")
