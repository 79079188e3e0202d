"""Kinds of fields that more than one app stores."""

import unicodedata
from typing import Any

from django.core.validators import MaxLengthValidator, RegexValidator
from django.db import models

FREE_TEXT = 4000

validate_language_tag = RegexValidator(
    r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z", "Use a BCP 47 tag, such as es or pt-BR."
)


def free_text(**options: Any) -> "models.TextField[str, str]":
    """A text of at most 4,000 characters, on every database and in every form."""
    validators = [MaxLengthValidator(FREE_TEXT)]
    return models.TextField(max_length=FREE_TEXT, validators=validators, **options)


def fold_email(email: str) -> str:
    """The one spelling under which an address is stored and looked up."""
    return unicodedata.normalize("NFKC", email).strip().lower()


class EmailField(models.EmailField):
    """An e-mail address that folds its case wherever it comes from: a form, the API, a query."""

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return fold_email(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        return super().get_prep_value(self.to_python(value))
