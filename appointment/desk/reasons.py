"""Reasons that staff choose from a short list, with what they type besides."""

from collections.abc import Collection
from typing import Any

from django.core.exceptions import ValidationError

from appointment.admin.forms import ReasonField

OTHER = "Other"  # in each list: what is typed is the reason then
LONGEST = 500


def chosen_reason(data: Any, choices: Collection[str]) -> str:
    """Return the reason that a form names, and after it what was typed as `detail`.

    Raises ValidationError for a reason that is not among the choices, and for a text that no
    reason can be.
    """
    chosen, typed = data.get("reason", ""), ReasonField().clean(data.get("detail", ""))
    if chosen not in choices:
        raise ValidationError("Choose a reason.")
    return reason_text(chosen, typed)


def reason_text(chosen: str, typed: str) -> str:
    """Return one text of the chosen reason and what was typed."""
    if chosen == OTHER and typed:
        return typed
    return ": ".join(filter(None, (chosen, typed)))[:LONGEST]
