"""Model fields that Django lacks."""

from typing import Any

from django.core.validators import MaxLengthValidator, RegexValidator
from django.db import models

MAX_KEY = 2**63 - 1  # of a BigAutoField
FREE_TEXT = 4000  # characters

validate_language_tag = RegexValidator(
    r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z", "Use a BCP 47 tag, such as es or pt-BR."
)


def free_text(limit: int = FREE_TEXT, **options: Any) -> "models.TextField[str, str]":
    """Return a TextField that validation limits to `limit` characters.

    The validator is needed: Django applies a TextField's `max_length` to forms only.
    """
    validators = [MaxLengthValidator(limit)]
    return models.TextField(max_length=limit, validators=validators, **options)
