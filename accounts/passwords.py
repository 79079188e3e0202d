"""Passwords are compared in Unicode's NFC: keyboards and systems send an accent in two ways."""

import unicodedata
from typing import Any

from django.contrib.auth import password_validation as django
from django.core.exceptions import ValidationError

from extensions.error_params import Code


def in_nfc(password: str) -> str:
    """Return the password in the form in which it is hashed, compared and measured."""
    return unicodedata.normalize("NFC", password)


class NormalizingValidator:
    """Makes a validator of Django judge the password in NFC."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError if Django's validator refuses the password."""
        try:
            super().validate(in_nfc(password), user)  # type: ignore[misc]
        except ValidationError as error:
            error.code = Code(error.code or "invalid", **(error.params or {}))
            raise


class UserAttributeSimilarityValidator(
    NormalizingValidator, django.UserAttributeSimilarityValidator
):
    """Refuses a password like the names or the address of the user."""


class MinimumLengthValidator(NormalizingValidator, django.MinimumLengthValidator):
    """Refuses a short password."""


class CommonPasswordValidator(NormalizingValidator, django.CommonPasswordValidator):
    """Refuses a password that many people use."""


class NumericPasswordValidator(NormalizingValidator, django.NumericPasswordValidator):
    """Refuses a password of digits alone."""
