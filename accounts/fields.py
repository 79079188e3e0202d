"""The e-mail address as a model field."""

import unicodedata
from typing import Any

from django.db import models


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
