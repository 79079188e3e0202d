"""Model fields that Django lacks."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from phonenumber_field.modelfields import PhoneNumberField
from phonenumber_field.phonenumber import PhoneNumber, to_python

from extensions.text import validate_one_line

MAX_KEY = 2**63 - 1  # of a BigAutoField
FREE_TEXT = 4000  # characters
DIALED = (
    "+\uff0b-.()/\u2010\u2011\u2012\u2013\u2212"  # beside digits and spaces: hyphens and dashes too
)

validate_language_tag = RegexValidator(
    r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z", _("Use a BCP 47 tag, such as es or pt-BR.")
)


def one_line(
    max_length: int, verbose_name: Any = None, **options: Any
) -> "models.CharField[str, str]":
    """Return a CharField for a text of one line that people read, such as a name."""
    options |= {"max_length": max_length, "validators": [validate_one_line]}
    return models.CharField(verbose_name, **options)


def phone_number_field(verbose_name: Any = None, **options: Any) -> PhoneNumberField:
    """Return a field for a phone number, stored as E.164, that refuses what E.164 cannot hold."""
    return PhoneNumberField(verbose_name, validators=[validate_dialable], **options)


def validate_dialable(number: Any) -> None:
    """Check a phone number as it was typed; raises ValidationError.

    phonenumbers drops an extension and any words, so that they would be lost without notice.
    """
    parsed = to_python(number)
    if not isinstance(parsed, PhoneNumber) or not parsed.is_valid():
        return  # the field's other validator says so
    typed = parsed.raw_input or ""
    if not all(each.isdecimal() or each.isspace() or each in DIALED for each in typed):
        raise ValidationError(
            _(
                "Write a number with its country code and nothing else, such as +34 612 345 678: "
                "an extension or a word cannot be stored."
            ),
            "invalid",
        )


def external_id_field() -> "models.CharField[str, str]":
    """Return a field for the key of the row in another system, empty without one."""
    return models.CharField(
        _("external id"),
        max_length=100,
        blank=True,
        default="",
        db_default="",
        validators=[validate_one_line],
        help_text=_("The number in another system. An import finds the row by it."),
    )


def unique_external_id(name: str, message: Any) -> models.UniqueConstraint:
    """Return the constraint of this name that no two rows have one external id."""
    return models.UniqueConstraint(
        fields=["external_id"],
        condition=~models.Q(external_id=""),
        name=name,
        violation_error_code="unique",
        violation_error_message=message,
    )


def free_text(limit: int = FREE_TEXT, **options: Any) -> "models.TextField[str, str]":
    """Return a TextField that validation limits to `limit` characters.

    The validator is needed: Django applies a TextField's `max_length` to forms only.
    """
    validators = [MaxLengthValidator(limit)]
    return models.TextField(max_length=limit, validators=validators, **options)
