"""The address, the name that an account had on a day, and a message's urgency, as model fields."""

import unicodedata
from typing import Any

import idna
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext

from accounts.messages import kinds
from extensions.text import HIDDEN_CHARACTER, is_ignorable

MAX_FULL_NAME_LENGTH = 301  # first and last name, and a space


def fold_email(email: str) -> str:
    """Return the spelling in which an address is stored and looked up.

    NFKC, in lower case, with the domain in the A-labels of IDNA 2008 (RFC 5891): `fußball.example`
    and `xn--fuball-cta.example` are one. Python's own codec follows IDNA 2003, for which
    `fußball.example` is `fussball.example`, which another person owns. An address whose domain
    has no such form keeps its own, and `validate_address` refuses it.
    """
    local, at, domain = unicodedata.normalize("NFC", email).strip().rpartition("@")
    local = unicodedata.normalize("NFKC", local).lower()
    try:
        domain = a_labels(domain)
    except idna.IDNAError:  # which is a UnicodeError
        domain = unicodedata.normalize("NFKC", domain).lower()
    return f"{local}{at}{domain}"


def a_labels(domain: str) -> str:
    """Return the domain in ASCII; raises idna.IDNAError if IDNA 2008 does not allow it.

    UTS 46 puts letters in lower case: Python's `lower` makes another sigma at the end of a word.
    A domain without international labels is only put in lower case.
    """
    if domain.isascii() and "xn--" not in domain.lower():
        return domain.lower()
    labels = idna.encode(in_unicode(domain), uts46=True, transitional=False)
    return labels.decode()


def in_unicode(domain: str) -> str:
    """Return the domain with its A-labels decoded; raises idna.IDNAError for a wrong one."""
    if domain.isascii() and "xn--" not in domain.lower():
        return domain
    return idna.decode(domain, uts46=True)


def validate_address(email: str) -> None:
    """Check an address as it was typed; raises ValidationError.

    Invisible characters are refused, in A-labels too, so that no two accounts look alike by
    them. So are a local part beyond ASCII, which many mail servers change or refuse, and a domain
    that IDNA 2008 does not allow.
    """
    local, _, domain = email.strip().rpartition("@")
    if any(map(is_ignorable, email)):
        raise ValidationError(HIDDEN_CHARACTER, "invalid")
    if not local.isascii():
        raise ValidationError(gettext("Before the @, use letters without accents."), "invalid")
    try:
        shown = in_unicode(a_labels(unicodedata.normalize("NFC", domain)))
    except idna.IDNAError as error:
        raise ValidationError(gettext("No domain can have this name."), "invalid") from error
    if any(map(is_ignorable, shown)):
        raise ValidationError(HIDDEN_CHARACTER, "invalid")


class EmailField(models.EmailField):
    """A model field that applies `fold_email` to what a form, the API or a query gives it."""

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return fold_email(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        return super().get_prep_value(self.to_python(value))

    def clean(self, value: Any, model_instance: Any) -> Any:
        """Return the address as it is stored; raises ValidationError, as `validate_address`."""
        if isinstance(value, str):
            validate_address(value)
        return super().clean(value, model_instance)


def name_that_day() -> "models.CharField[str | None, str | None]":
    """Return a column for the name that an actor who works here had on the day of the event.

    It is NULL for any other actor, whose name is not kept, and in rows from before the column. It
    is empty if the account had no name.
    """
    return models.CharField(max_length=MAX_FULL_NAME_LENGTH, null=True, editable=False)


class UrgencyField(models.PositiveSmallIntegerField):
    """1 for a message that a person waits for, 0 for any other: by its kind, when it is saved."""

    def pre_save(self, model_instance: models.Model, add: bool) -> int:
        """Return the urgency of the row's `kind`; 0 for one of a newer version."""
        kind = kinds().get(getattr(model_instance, "kind", ""))
        urgency = int(kind is not None and kind.is_urgent)
        setattr(model_instance, self.attname, urgency)
        return urgency
