"""Reasons that staff choose from a short list, and the text that they add."""

from collections.abc import Collection
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext, pgettext_lazy

from appointment.admin.forms import ReasonField
from appointment.models.lifecycle import PATIENT_ASKED, WALK_IN

OTHER = "Other"  # in each list: what is typed is the reason then
BOOKED_BY_MISTAKE = "Booked by mistake"
TAKEN_BACK = "The cancelation was taken back at the desk."
LONGEST = 500
# The reasons as forms send them and as they are stored: in English, whatever the language of the
# page, so that one reason is one text in the lists and figures of a clinic with two languages.
LEAVE_REASONS = ("Ill", "Holiday", "Training", "Meeting", "Public holiday", OTHER)
CANCEL_REASONS = (PATIENT_ASKED, "Doctor ill", BOOKED_BY_MISTAKE, OTHER)
REBOOK_REASONS = ("Doctor ill", "Doctor away", "Site closed", OTHER)  # of the visits of leave
# Each in the words of the reader.
WORDS = {
    "Ill": pgettext_lazy("reason", "Ill"),
    "Holiday": pgettext_lazy("reason", "Holiday"),
    "Training": pgettext_lazy("reason", "Training"),
    "Meeting": pgettext_lazy("reason", "Meeting"),
    "Public holiday": pgettext_lazy("reason", "Public holiday"),
    PATIENT_ASKED: pgettext_lazy("reason", "Patient asked"),
    "Doctor ill": pgettext_lazy("reason", "Doctor ill"),
    "Doctor away": pgettext_lazy("reason", "Doctor away"),
    "Site closed": pgettext_lazy("reason", "Site closed"),
    BOOKED_BY_MISTAKE: pgettext_lazy("reason", "Booked by mistake"),
    TAKEN_BACK: pgettext_lazy("reason", "The cancelation was taken back at the desk."),
    WALK_IN: pgettext_lazy("reason", "Walk-in"),
    OTHER: pgettext_lazy("reason", "Other"),
}


def choices_of(reasons: Collection[str]) -> list[tuple[str, str]]:
    """Return the choices of a short list: what the form sends, and the words of the reader."""
    return [(reason, str(WORDS[reason])) for reason in reasons]


def shown_reason(stored: str) -> str:
    """Return a stored reason with the words of a short list in the reader's language.

    What staff have typed, alone or after a chosen reason, stays as it is.
    """
    chosen, colon, typed = stored.partition(": ")
    return f"{WORDS[chosen]}{colon}{typed}" if chosen in WORDS else stored


def chosen_reason(data: Any, choices: Collection[str]) -> str:
    """Return the reason that a form names, and after it what was typed as `detail`.

    Raises ValidationError for a reason that is not among the choices, and for a text that no
    reason can be.
    """
    chosen, typed = data.get("reason", ""), ReasonField().clean(data.get("detail", ""))
    if chosen not in choices:
        raise ValidationError(gettext("Choose a reason."))
    return reason_text(chosen, typed)


def reason_text(chosen: str, typed: str) -> str:
    """Return one text of the chosen reason and what was typed."""
    if chosen == OTHER and typed:
        return typed
    return ": ".join(filter(None, (chosen, typed)))[:LONGEST]
