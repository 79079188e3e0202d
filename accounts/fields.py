"""The e-mail address, and the name that an account had on a day, as model fields."""

import unicodedata
from typing import Any

from django.db import models

MAX_FULL_NAME_LENGTH = 301  # first and last name, and a space


def fold_email(email: str) -> str:
    """Return the spelling in which an address is stored and looked up: NFKC, in lower case."""
    return unicodedata.normalize("NFKC", email).strip().lower()


class EmailField(models.EmailField):
    """A model field that applies `fold_email` to what a form, the API or a query gives it."""

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return fold_email(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        return super().get_prep_value(self.to_python(value))


def name_that_day() -> "models.CharField[str | None, str | None]":
    """Return a column for the name that an actor who works here had on the day of the event.

    It is NULL for any other actor, whose name is not kept, and in rows from before the column. It
    is empty if the account had no name.
    """
    return models.CharField(max_length=MAX_FULL_NAME_LENGTH, null=True, editable=False)
