"""Text of one line, and invisible characters."""

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models

from extensions.db.fields import phone_number_field
from extensions.text import validate_one_line
from tests.names import READABLE, UNDIALABLE, UNREADABLE

OURS = ("accounts", "doctor", "patient", "appointment")
NAMES = ("name", "title", "license_number")
OF_PROGRAMS = {  # copies of checked names, and names made of a header by `device_name`
    ("Device", "name"),
    ("KnownDevice", "name"),
    ("AuditEvent", "actor_name"),
    ("AppointmentEvent", "actor_name"),
    ("EmergencyAccess", "user_name"),
}


@pytest.mark.parametrize("text", UNREADABLE)
def test_a_name_that_nobody_can_read_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        validate_one_line(text)


@pytest.mark.parametrize("text", ["", *READABLE])
def test_a_name_in_any_script_is_accepted(text: str) -> None:
    validate_one_line(text)


@pytest.mark.parametrize("number", UNDIALABLE)
def test_a_phone_number_of_which_something_would_be_lost_is_refused(number: str) -> None:
    with pytest.raises(ValidationError):
        phone_number_field().clean(number, None)


def test_every_name_of_the_models_is_checked() -> None:
    unchecked = {
        (model.__name__, field.name)
        for app in OURS
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.CharField)
        and (field.name in NAMES or field.name.endswith("_name"))
        and validate_one_line not in field.validators
    }
    assert unchecked == OF_PROGRAMS
