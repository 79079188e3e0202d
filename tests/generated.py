"""Calls that schemathesis generates from the OpenAPI document, each with all of its checks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import hypothesis
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from knox.crypto import hash_token
from knox.models import AuthToken
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.generation.hypothesis.builder import (
    HypothesisTestConfig,
    HypothesisTestMode,
    create_test,
)
from schemathesis.generation.stateful import run_state_machine_as_test
from schemathesis.openapi.checks import RejectedPositiveData

from accounts.models import User
from config.wsgi import application
from patient.tests.factories import DependentFactory, PatientFactory
from tests.matrix.callers import start_keys_high
from tests.sample_data import SampleData, rolled_back

FIRST_KEY = 1_000_000  # every run has the same, since the keys influence the values
CONFIG = {
    "seed": 1,
    "generation": {"deterministic": True, "database": "none"},
}
# By field, the error codes with which the API may refuse a value that the document allows, since no
# schema can express the rule. Any other refusal of what the document allows fails the test.
BEYOND_A_SCHEMA = {
    "appointment": {"invalid"},  # of a list of slots: with explain=true alone
    "date": {"invalid", "date_range"},  # not with from and to; within ten years of today
    "to": {"date_range", "invalid"},  # not before from, not too long after it
    "search": {"invalid"},  # ten words
    "cursor": {"invalid"},  # only one that a page has given out
    "phone_number": {"invalid"},  # the numbering plans of the world
    "emergency_contact_phone": {"invalid"},
    "old_password": {"invalid"},  # whether it is right
    "password": {"invalid"},
    "token": {"invalid"},
    # of a webhook: https, a public address
    "url": {"url_invalid", "url_not_https", "url_not_public", "url_port", "url_unresolvable"},
}
# The same for every field.
CODES_BEYOND_A_SCHEMA = {
    "does_not_exist",  # a key of the right shape that no row has
    "null_characters_not_allowed",
    "control",  # characters of a name, by categories of Unicode
    "invisible",
    "password_entirely_numeric",
    "password_too_common",
    "password_too_short",
    "password_too_similar",
    "no_slots",  # a session of fewer minutes than a slot
    "date_range",  # two members that are right alone, but not together
    "end_before_start",
    "doctor_or_location",
    "one_channel",  # members that are right alone: one of them has to be on
}


def login_of(account: User) -> type:
    """Return an auth class for schemathesis, which sends a token of the account.

    It makes a new token when a call has deleted the last one, as a logout does.
    """
    last = ""

    class Login:
        def get(self, case: Any, context: Any) -> str:
            nonlocal last
            if not last or not AuthToken.objects.filter(digest=hash_token(last)).exists():
                last = User.objects.get(pk=account.pk).issue_token()[0]
            return last

        def set(self, case: Any, data: str, context: Any) -> None:
            case.headers = {**(case.headers or {}), "Authorization": f"Token {data}"}

    return Login


def someone_who_may_do_everything() -> User:
    """Make a superuser who is also the doctor of a clinic and a patient with a dependent."""
    sample_data = SampleData.made()
    user, doctor = sample_data.accounts["superuser"], sample_data.session.doctor
    doctor.user = user
    doctor.save()
    PatientFactory(user=user)
    DependentFactory(user=user)
    return user


@contextmanager
def connection_kept() -> Iterator[None]:
    """Keep requests from closing the connection, whose transaction is rolled back at the end."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


@contextmanager
def document() -> Iterator[Any]:
    """Yield schemathesis's schema of the served document, with a superuser signed in."""
    with connection_kept(), rolled_back():
        start_keys_high(FIRST_KEY)
        user = someone_who_may_do_everything()
        config = SchemathesisConfig.from_dict(CONFIG)
        schema = schemathesis.openapi.from_wsgi(
            "/api/schema/?format=json", application, config=config
        )
        schema.auth(refresh_interval=None)(login_of(user))
        yield schema


def check_operation(schema: Any, method: str, route: str, examples: int, edges: bool = True) -> int:
    """Generate calls of one operation: its examples, random ones, and the edges of every member.

    `examples` limits the random calls; `edges=False` leaves the edges out. Return the number of
    calls. Raises the failures of all checks together.
    """
    calls = 0

    def check(case: Any) -> None:
        nonlocal calls
        calls += 1
        with rolled_back():
            assert_conforms(case, case.call())

    modes = [mode for mode in HypothesisTestMode if edges or mode != HypothesisTestMode.COVERAGE]
    config = HypothesisTestConfig(project=schema.config, modes=modes, settings=quiet(examples))
    create_test(operation=schema[route][method], test_func=check, config=config)()
    return calls


def quiet(examples: int) -> hypothesis.settings:
    """Return Hypothesis settings for this number of examples, which are the same in every run."""
    return hypothesis.settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )


def assert_conforms(case: Any, response: Any) -> None:
    """Assert that schemathesis's checks hold; ignore a refusal that no schema can express."""
    try:
        case.validate_response(response)
    except FailureGroup as failures:
        found = [one for one in failures.exceptions if not is_beyond_a_schema(one, response)]
        if found:
            raise FailureGroup(found) from failures


def is_beyond_a_schema(failure: Any, response: Any) -> bool:
    """Return whether the failure is a 400 whose every error is one that no schema can express."""
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 400:
        return False
    errors = response.json().get("errors", ())
    return bool(errors) and all(
        error["code"] in CODES_BEYOND_A_SCHEMA
        or error["code"] in BEYOND_A_SCHEMA.get(error["field"], ())
        for error in errors
    )


def check_sequences(schema: Any, sequences: int, steps: int) -> int:
    """Generate sequences of calls with values of earlier responses. Return the number of calls."""
    calls = 0

    class Machine(schema.as_state_machine()):  # the base is made from the document
        def setup(self) -> None:
            self.taken_back = rolled_back()
            self.taken_back.__enter__()

        def teardown(self) -> None:
            self.taken_back.__exit__(None, None, None)

        def validate_response(self, response: Any, case: Any, **kwargs: Any) -> None:
            nonlocal calls
            calls += 1
            assert_conforms(case, response)

    settings = hypothesis.settings(quiet(sequences), stateful_step_count=steps)
    run_state_machine_as_test(Machine, settings=settings)
    return calls
