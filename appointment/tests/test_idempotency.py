"""The server runs a request with an Idempotency-Key once, however often a client sends it."""

import json
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import AuditEvent, User
from appointment.models import Appointment, IdempotencyKey
from appointment.tests.factories import AppointmentFactory
from appointment.tests.rescheduling import assert_places, free
from appointment.tests.retries import KEY, assert_replayed, book, cancel, reschedule, send
from appointment.tests.waitlist import only_visit, waiting
from doctor.models import Slot
from extensions.rest.idempotency import fingerprint_of
from patient.models import Patient
from patient.tests.factories import DependentFactory
from tests.balance import assert_balanced
from tests.problems import assert_invalid, assert_problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(patient: Patient, client_of: Any) -> APIClient:
    made: APIClient = client_of(patient.user)
    return made


@pytest.fixture
def slot() -> Slot:
    return free(capacity=3)


def path_of(slot: Slot) -> str:
    return f"/api/appointment/book/{slot.doctor_id}/"


# --- Repeated requests ----------------------------------------------------------------------------


def test_a_repeated_booking_gets_the_same_answer_byte_for_byte(client, slot: Slot) -> None:
    first = assert_replayed(lambda: book(client, slot))
    visit = Appointment.objects.get()
    assert first["Location"].endswith(f"/api/appointment/my-appointments/{visit.pk}/")
    assert visit.events.count() == 1
    assert_places((slot, 1))


def test_a_repeated_cancelation_gets_the_same_answer(client, patient, slot: Slot) -> None:
    visit = AppointmentFactory(patient=patient, slot=slot)
    first = assert_replayed(lambda: cancel(client, visit))
    assert first.json()["status"] == "canceled"
    assert not first.has_header("Location")
    assert visit.events.filter(kind="canceled").count() == 1
    assert_places((slot, 0))


def test_a_repeated_move_gets_the_same_answer(client, patient, slot: Slot) -> None:
    visit, new = AppointmentFactory(patient=patient, slot=slot), free(6)
    assert assert_replayed(lambda: reschedule(client, visit, new)).json()["slot_id"] == new.pk
    assert visit.events.filter(kind="rescheduled").count() == 1
    assert_places((slot, 0), (new, 1))


def test_an_answer_without_a_body_is_replayed_without_one(client, patient) -> None:
    visit = only_visit()
    entry = waiting(visit, patient=patient)
    visit.cancel()
    path = f"/api/appointment/waitlist/{entry.pk}/decline/"
    first, second = send(client, path, {}), send(client, path, {})
    assert [first.status_code, second.status_code] == [204, 204]
    assert [first.content, second.content] == [b"", b""]
    assert second["Idempotency-Replayed"] == "true"
    assert IdempotencyKey.objects.get().body == ""
    assert_balanced(visit.slot)


@pytest.mark.parametrize("kind", ["multipart", "application/x-www-form-urlencoded"])
def test_a_form_body_is_read(client, slot: Slot, kind: str) -> None:
    body: Any = {"slot_id": slot.pk} if kind == "multipart" else f"slot_id={slot.pk}"
    form = {"format": "multipart"} if kind == "multipart" else {"content_type": kind}
    assert_replayed(lambda: send(client, path_of(slot), body, **form))
    other = {"slot_id": slot.pk, "reason": "x"} if kind == "multipart" else f"{body}&reason=x"
    reused = send(client, path_of(slot), other, **form)
    assert_problem(reused, 422, "idempotency_key_reused")
    assert_places((slot, 1))


def test_an_unexpected_file_is_part_of_the_form(client, slot: Slot) -> None:
    def with_file(words: bytes) -> Any:
        form = {"slot_id": slot.pk, "scan": SimpleUploadedFile("scan.txt", words)}
        return send(client, path_of(slot), form, format="multipart")

    assert_replayed(lambda: with_file(b"one"))
    assert_problem(with_file(b"other"), 422, "idempotency_key_reused")


def test_the_order_of_a_bodys_members_does_not_matter(client, slot: Slot) -> None:
    bodies = iter([{"slot_id": slot.pk, "reason": "x"}, {"reason": "x", "slot_id": slot.pk}])

    def sent() -> Any:
        body = json.dumps(next(bodies))
        return send(client, path_of(slot), body, content_type="application/json")

    assert_replayed(sent)


def test_the_answer_is_replayed_unchanged_after_the_visit_changes(client, slot: Slot) -> None:
    first = book(client, slot)
    Appointment.objects.get().cancel(reason="Since then")
    assert book(client, slot).content == first.content


# --- Another request with the same key ------------------------------------------------------------


def test_another_body_or_path_with_a_used_key_is_refused(client, patient, slot: Slot) -> None:
    visit = AppointmentFactory(patient=patient, slot=free(8))
    book(client, slot)
    for other in (
        book(client, slot, reason="Another"),
        book(client, free(6)),
        cancel(client, visit),
        reschedule(client, visit, slot),
    ):
        problem = assert_problem(other, 422, "idempotency_key_reused")
        assert str(visit.pk) not in problem["detail"]
    assert visit.events.count() == 1
    assert_places((slot, 1))


def test_another_method_is_another_request() -> None:
    of = {"path": "/api/appointment/waitlist/1/", "data": {}}
    post, delete = (Mock(method=method, **of) for method in ("POST", "DELETE"))
    assert fingerprint_of(post) != fingerprint_of(delete)


def test_two_users_have_a_key_each(client, other_patient: Patient, slot: Slot, client_of) -> None:
    mine, theirs = book(client, slot), book(client_of(other_patient.user), slot)
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["id"] != theirs.json()["id"]
    assert not theirs.has_header("Idempotency-Replayed")
    assert_places((slot, 2))


# --- Requests that leave a key unused -------------------------------------------------------------


def test_a_refusal_leaves_the_key_unused(client, slot: Slot) -> None:
    slot.schedule.revise(is_active=False)
    for _ in range(2):
        assert_problem(book(client, slot), 409, "slot_closed")
    assert not IdempotencyKey.objects.exists()
    slot.schedule.revise(is_active=True)
    assert_replayed(lambda: book(client, slot))


def test_an_absent_resource_or_a_malformed_body_leaves_the_key_unused(client, slot: Slot) -> None:
    assert_problem(cancel(client, Appointment(pk=999_999_999)), 404, "not_found")
    assert_invalid(book(client, slot, slot_id="x"), "slot_id")
    broken = send(client, path_of(slot), "{", content_type="application/json")
    assert_problem(broken, 400, "parse_error")
    assert not IdempotencyKey.objects.exists()
    assert book(client, slot).status_code == 201


def test_an_anonymous_caller_uses_no_key(slot: Slot) -> None:
    assert_problem(book(APIClient(), slot), 401, "not_authenticated")
    assert not IdempotencyKey.objects.exists()


def test_without_the_header_nothing_is_kept(client, slot: Slot) -> None:
    assert book(client, slot, key=None).status_code == 201
    assert_problem(book(client, slot, key=None), 409, "already_booked")
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize(
    "step",
    [
        "appointment.Appointment.save_booked",
        "appointment.Appointment._events",
        "idempotency._store_answer",
    ],
)
def test_a_crash_between_statements_leaves_nothing(
    client, slot: Slot, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    client.raise_request_exception = False
    with monkeypatch.context() as patch:
        stop = Mock(side_effect=RuntimeError("the power went"))
        patch.setattr(f"appointment.models.{step}", stop)
        assert_problem(book(client, slot), 500, "server_error")
    assert not Appointment.objects.exists()
    assert not IdempotencyKey.objects.exists()
    assert_places((slot, 0))
    assert book(client, slot).status_code == 201


# --- Keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", " ", "two words", "k" * 256, "clé", "a\tb", "\x7f"])
def test_an_invalid_key_is_reported(client, slot: Slot, key: str) -> None:
    assert_invalid(book(client, slot, key=key), "Idempotency-Key")
    assert not Appointment.objects.exists()


@pytest.mark.parametrize("key", ["!", "~" * 255, '"8e03978e"', "0"])
def test_1_to_255_visible_characters_are_a_key(client, slot: Slot, key: str) -> None:
    assert_replayed(lambda: book(client, slot, key=key))


def test_keys_differ_by_the_case_of_a_letter(client, slot: Slot) -> None:
    assert book(client, slot, key="a").status_code == 201
    assert_problem(book(client, slot, key="A"), 409, "already_booked")


def test_the_location_header_is_kept_for_a_host_of_any_length(client, slot: Slot) -> None:
    host = {"HTTP_HOST": f"localhost:{'0' * 600}"}
    first = send(client, f"/api/appointment/book/{slot.doctor_id}/", {"slot_id": slot.pk}, **host)
    assert first.status_code == 201
    assert len(IdempotencyKey.objects.get().location) > 600


# --- The life of a key ----------------------------------------------------------------------------


def test_a_key_is_kept_for_24_hours_and_then_free_again(patient, slot: Slot, client_of) -> None:
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        assert book(client_of(patient.user), slot).status_code == 201
    with time_machine.travel(start + timedelta(hours=24) - timedelta(seconds=1), tick=False):
        assert book(client_of(patient.user), slot).has_header("Idempotency-Replayed")
    other = free(6)
    with time_machine.travel(start + timedelta(hours=24), tick=False):
        first = assert_replayed(lambda: book(client_of(patient.user), other))
    assert first.json()["slot_id"] == other.pk
    assert IdempotencyKey.objects.get().created_at == start + timedelta(hours=24)


def test_maintenance_deletes_only_expired_keys(client, slot: Slot) -> None:
    book(client, slot)
    used = IdempotencyKey.objects.get().created_at
    day = timedelta(hours=24)
    assert IdempotencyKey.objects.expired(used + day - timedelta(seconds=1)).delete()[0] == 0
    assert IdempotencyKey.objects.expired(used + day).delete()[0] == 1


def test_reusing_an_expired_key_deletes_only_that_key_of_the_user(
    client, patient, other_patient, slot: Slot, client_of
) -> None:
    long_ago = timezone.now() - timedelta(days=2)
    for user, key in [(patient.user, KEY), (patient.user, "other"), (other_patient.user, KEY)]:
        IdempotencyKey.objects.create(user=user, key=key, created_at=long_ago)
    assert book(client, slot).status_code == 201
    left = IdempotencyKey.objects.filter(created_at=long_ago).values_list("user", "key")
    assert set(left) == {(patient.user.pk, "other"), (other_patient.user.pk, KEY)}


# --- Answers after an erasure ---------------------------------------------------------------------


def test_erasing_a_person_erases_their_stored_answers(
    client, patient: Patient, other_patient: Patient, slot: Slot, client_of
) -> None:
    child = DependentFactory(user=patient.user)
    book(client, slot, key="mine")
    book(client, slot, key="the childs", patient_id=child.pk)
    book(client_of(other_patient.user), slot, key="theirs")
    child.erase()
    assert set(IdempotencyKey.objects.values_list("key", flat=True)) == {"mine", "theirs"}
    patient.erase()
    assert IdempotencyKey.objects.get().key == "theirs"


def test_an_erased_patient_gets_no_old_answer(client, patient: Patient, slot: Slot) -> None:
    visit = AppointmentFactory(patient=patient, slot=slot)
    assert cancel(client, visit).status_code == 200
    patient.erase()
    assert_problem(cancel(client, visit), 404, "not_found")


def test_deleting_the_account_deletes_its_keys(client, patient: Patient, slot: Slot) -> None:
    book(client, slot)
    patient.erase()
    User.objects.filter(pk=patient.user_id).delete()
    assert not IdempotencyKey.objects.exists()


def test_the_text_of_a_stored_key_does_not_show_the_key(client, slot: Slot) -> None:
    book(client, slot)
    assert KEY not in str(IdempotencyKey.objects.get())


# --- The content and the access log of replayed and refused answers -------------------------------


def test_a_replayed_answer_is_recorded_as_a_read_of_its_patient(
    client, patient, slot: Slot
) -> None:
    assert_replayed(lambda: book(client, slot))
    [read] = AuditEvent.objects.filter(action="read")
    assert (read.patient_id, read.role, read.kind) == (
        patient.pk,
        "patient",
        "appointment.appointment",
    )


def test_an_invalid_key_is_refused_with_the_format_of_a_key(client, slot: Slot) -> None:
    answer = book(client, slot, "a key")
    assert answer.json()["errors"][0]["detail"] == "Use 1 to 255 visible characters of ASCII."


def test_a_form_with_a_repeated_field_differs_if_either_value_differs(client, slot) -> None:
    def sent(text: str) -> Any:
        form = f"slot_id={slot.pk}&reason={text}&reason=b"
        kind = "application/x-www-form-urlencoded"
        return client.post(
            path_of(slot),
            form,
            content_type=kind,
            headers={"Idempotency-Key": KEY},
        )

    assert sent("a").status_code == 201
    assert_problem(sent("c"), 422, "idempotency_key_reused")
