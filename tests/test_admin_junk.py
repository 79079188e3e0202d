"""Made-up URLs, query strings, keys and form values never cause a 5xx in the admin."""

from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model

from accounts.models import AuditEvent, User
from accounts.tests.factories import UserFactory
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Doctor, Schedule
from doctor.tests.factories import DoctorFactory, ScheduleFactory
from patient.models import MedicalHistory, Patient
from patient.tests.factories import PatientFactory
from tests.admin_client import AdminClient, form_errors, page

pytestmark = pytest.mark.django_db
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
HUGE = 10**22
MANY = " ".join(["a"] * 5000)
NUL = {"q": "a\0b"}
JUNK: list[dict[str, Any]] = [
    {"q": MANY},
    NUL,
    {"pk__exact": "abc"},
    {"pk__exact": HUGE},
    {"pk__in": f"1,{HUGE}"},
    {"pk__in": f"1,{HUGE}", "e": "1"},
    {"pk__regex": "((("},
    {"p": HUGE, "o": "1.abc.-99999999999"},
]
FIELDS: list[tuple[type[Model], dict[str, Any]]] = [
    (Patient, {"q": "x" * 100_000}),
    (Patient, {"q": '\'" \\ % \U0010ffff "unclosed'}),
    (Patient, {"p": "abc"}),
    (Patient, {"p": -1}),
    (Patient, {"o": ".".join(["1"] * 3000)}),
    (Patient, {"all": ""}),
    (Patient, {"pk__gt": HUGE}),
    (Patient, {"pk__isnull": "abc"}),
    (Patient, {"pk__range": "1"}),
    (Patient, {"nothing": "1"}),
    (Patient, {"nothing__exact": "1"}),
    (Patient, {"_to_field": "id"}),
    (Patient, {"_to_field": "first_name"}),
    (Patient, {"first_name": "\0"}),
    (Patient, {"first_name__regex": "((("}),
    (Patient, {"first_name__contains": "x" * 100_000}),
    (Patient, {"date_of_birth__year": HUGE}),
    (Patient, {"date_of_birth__gte": "9999-99-99"}),
    (Patient, {"user__id__exact": "abc"}),
    (Patient, {"preferred_language": "\0"}),
    (Appointment, {"date__year": "abc"}),
    (Appointment, {"date__year": "0"}),
    (Appointment, {"date__year": "9999"}),
    (Appointment, {"date__year": "9999", "date__month": "12"}),
    (Appointment, {"date__year": "9999", "date__month": "12", "date__day": "31"}),
    (Appointment, {"date__year": "1"}),
    (Appointment, {"date__year": str(HUGE)}),
    (Appointment, {"date__month": "13"}),
    (Appointment, {"date__day": "5"}),
    (Appointment, {"status__exact": "junk"}),
    (Appointment, {"when": "junk"}),
    (Appointment, {"location__id__exact": "abc"}),
    (Appointment, {"location__id__exact": HUGE}),
    (Appointment, {"starts_at__gte": "yesterday"}),
    (Appointment, {"starts_at__gte": "9999-12-31T23:59:59-14:00"}),
    (Appointment, {"patient__id__exact": "\0"}),
    (Schedule, {"is_active__exact": "maybe"}),
    (Schedule, {"date__gte": "9999-12-31", "date__lt": "0000-00-00"}),
    (Schedule, {"start_time": "25:61"}),
    (Doctor, {"specialties__id__exact": HUGE}),
    (Doctor, {"specialties__id__exact": "abc"}),
    (User, {"date_joined__year": "9999"}),
]


@pytest.mark.both_databases
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_no_made_up_query_breaks_a_list(superuser: User, model: type[Model]) -> None:
    """Send every query to the appointment list; to other lists a NUL and a number over 64 bits."""
    AppointmentFactory()
    superuser.issue_token()
    admin_client = AdminClient(superuser)
    tried = JUNK if model is Appointment else [NUL, {"pk__in": f"1,{HUGE}", "e": "1"}]
    answers = {str(junk)[:40]: admin_client.status(page(model), **junk) for junk in tried}
    assert set(answers.values()) <= {200, 302, 400}, answers
    assert answers[str(NUL)] == 200


@pytest.mark.both_databases
def test_no_made_up_filter_breaks_a_list(superuser: User) -> None:
    AppointmentFactory()
    admin_client = AdminClient(superuser)
    for model, junk in FIELDS:
        assert admin_client.status(page(model), **junk) in {200, 302, 400}, (model, str(junk)[:50])
        assert admin_client.status(page(model), **junk, e="1") in {200, 400}, (
            model,
            str(junk)[:50],
        )


@pytest.mark.parametrize(
    ("model", "field"),
    [
        (Appointment, "patient"),
        (Appointment, "slot"),
        (Schedule, "doctor"),
        (Schedule, "location"),
        (Patient, "user"),
        (Doctor, "specialties"),
        (Doctor, "languages"),
        (MedicalHistory, "patient"),
    ],
)
def test_no_made_up_term_breaks_an_autocomplete(
    superuser: User, model: type[Model], field: str
) -> None:
    AppointmentFactory()
    admin_client = AdminClient(superuser)
    kinds = (MANY, "a\0b", "x" * 100_000, "'\" \\ %", '"unclosed', "-")
    for term in kinds if field == "patient" else kinds[1:2]:
        assert isinstance(admin_client.suggestions(model, field, term), list), term[:20]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"app_label": "nothing", "model_name": "appointment", "field_name": "slot"},
        {"app_label": "appointment", "model_name": "appointment", "field_name": "nothing"},
        {"app_label": "appointment", "model_name": "appointment", "field_name": "reason"},
        {
            "app_label": "appointment",
            "model_name": "appointment",
            "field_name": "slot",
            "page": "x",
        },
        {
            "app_label": "appointment",
            "model_name": "appointment",
            "field_name": "slot",
            "page": HUGE,
        },
    ],
)
def test_an_autocomplete_of_nothing_is_refused(superuser: User, asked: dict[str, Any]) -> None:
    assert AdminClient(superuser).status("/admin/autocomplete/", **asked) in {403, 404}


@pytest.mark.both_databases
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_made_up_key_redirects_to_the_list(superuser: User, model: type[Model]) -> None:
    admin_client, place = (
        AdminClient(superuser),
        f"/admin/{model._meta.app_label}/{model._meta.model_name}",
    )
    every = ("%00", HUGE, "abc", "9" * 5000, "-1", "1_2F", "\N{BULLET}")
    for key in every if model is Appointment else every[:2]:
        for view in ("change", "delete", "history"):
            assert admin_client.status(f"{place}/{key}/{view}/") in {302, 403, 404}, (key, view)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_an_action_on_made_up_keys_does_nothing(superuser: User, model: type[Model]) -> None:
    AppointmentFactory()
    superuser.issue_token()
    admin_client, before = AdminClient(superuser), model._default_manager.count()
    every = ("\0", HUGE, "abc", "9" * 5000, "", "-5")
    for key in every if model is Appointment else every[:2]:
        chosen = {"action": "delete_selected", "_selected_action": key, "post": "yes"}
        assert admin_client.client.post(page(model), chosen).status_code in {200, 302, 400}, key
    looks = {"actor": superuser, "action": "read"}  # opening the event list records a read
    rows = (
        model._default_manager.exclude(**looks) if model is AuditEvent else model._default_manager
    )
    assert rows.count() == before


@pytest.mark.parametrize(
    ("model", "field"),
    [
        (Appointment, "patient"),
        (Appointment, "slot"),
        (Schedule, "doctor"),
        (Doctor, "user"),
        (Doctor, "specialties"),
        (Patient, "user"),
        (MedicalHistory, "patient"),
    ],
)
def test_a_made_up_choice_is_an_error_of_the_form(
    superuser: User, model: type[Model], field: str
) -> None:
    admin_client = AdminClient(superuser)
    every = ("\0", HUGE, "abc", "9" * 5000, "-5", "999999")
    for key in every if field == "patient" else every[:2]:
        assert admin_client.status(page(model, "add"), **{field: key}) == 200, key
        sent = admin_client.client.post(page(model, "add"), {field: key})
        assert sent.status_code in {200, 400}, key
        assert sent.status_code == 400 or form_errors(sent), key
    assert not model._default_manager.exists()


@pytest.mark.parametrize("key", ["abc", str(HUGE), "\0", "-5"])
@pytest.mark.parametrize("field", ["groups", "user_permissions"])
def test_a_made_up_group_is_an_error_of_the_form(superuser: User, field: str, key: str) -> None:
    user, admin_client = UserFactory(), AdminClient(superuser)
    form = {**admin_client.open(page(user, "change")), field: key}
    assert admin_client.client.post(page(user, "change"), form).status_code in {200, 400}
    assert not user.groups.exists()


@pytest.mark.parametrize(
    "typed",
    [
        {"date": "9999-12-31"},
        {"date": "0001-01-01"},
        {"date": "0001-01-01", "start_time": "00:00"},
        {"date": "9999-12-31", "start_time": "00:00", "end_time": "23:59:59.999999"},
        {"slot_minutes": "0"},
        {"slot_minutes": "-5"},
        {"slot_minutes": HUGE},
        {"capacity": "0"},
        {"capacity": HUGE},
        {"capacity": "many"},
        {"start_time": "25:00"},
        {"start_time": "11:00"},
    ],
    ids=str,
)
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_a_made_up_session_is_an_error_of_the_form(
    superuser: User, typed: dict[str, Any], zone: str
) -> None:
    schedule, doctor = ScheduleFactory(location__time_zone=zone), DoctorFactory()
    hours = {"date": schedule.date, "start_time": "09:00", "end_time": "11:00", "capacity": "1"}
    form = {"doctor": doctor.pk, "location": schedule.location_id, **hours, **typed}
    for path in (page(Schedule, "add"), page(schedule, "change")):
        sent = AdminClient(superuser).client.post(path, form)
        assert sent.status_code == 200
        assert form_errors(sent)
    assert Schedule.objects.count() == 1


@pytest.mark.parametrize(
    "typed",
    [
        {"date_of_birth": "9999-12-31"},
        {"date_of_birth": "yesterday"},
        {"phone_number": "12"},
        {"phone_number": "+" + "9" * 5000},
        {"first_name": "a\0b"},
        {"first_name": "x" * 10_000},
        {"last_name": " "},
        {"address": "x" * 4001},
        {"sex": "junk"},
        {"preferred_language": "not a tag"},
    ],
    ids=lambda typed: str(typed)[:40],
)
def test_a_made_up_person_is_an_error_of_the_form(superuser: User, typed: dict[str, Any]) -> None:
    patient, admin_client = PatientFactory(), AdminClient(superuser)
    for path in (page(Patient, "add"), page(patient, "change")):
        sent = admin_client.send(path, admin_client.open(path), **{"last_name": "Ruiz", **typed})
        assert sent.status_code == 200
        assert form_errors(sent)
    assert Patient.objects.count() == 1


def test_a_form_without_its_inline_part_is_answered(superuser: User) -> None:
    sent = AdminClient(superuser).client.post(
        page(Patient, "add"), {"first_name": "Ana", "last_name": "Ruiz"}
    )
    assert sent.status_code == 200
