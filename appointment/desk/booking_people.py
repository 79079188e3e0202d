"""The person of a booking: found by a search as one types, or new, with who may be the same."""

from dataclasses import replace
from typing import Any

import phonenumbers
from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from phonenumber_field.formfields import PhoneNumberField

from accounts.exceptions import Throttled
from accounts.privacy import sees_all_sites
from appointment.desk.people import MORE_PEOPLE, FoundPeople, find_people, is_long_enough
from appointment.named_search import HOW_TO_NAME, bookable_patients, find_named
from doctor.models import Location
from extensions.admin.dates import TypedDateField
from extensions.search import typed_terms
from extensions.text import folded_words
from patient.models import Patient, PatientQuerySet

MOST_SAME = 5  # who may be the new person


def find_bookable(request: HttpRequest, text: str, named: bool) -> FoundPeople:
    """Return the people whom the text finds and the user may book for.

    `named`: whether staff of a site also search all sites for an exact name and birth date. This
    search is limited, so it is not made at each key that is typed.
    """
    if not typed_terms(text) or not (named or is_long_enough(text)):
        return FoundPeople()
    try:
        keys = find_named(request, text) if named else None
    except Throttled as error:
        return FoundPeople(note=str(error))
    found = find_people(bookable_patients(request), text, keys or ())
    if keys or found.note == MORE_PEOPLE or sees_all_sites(request):
        return found
    then = gettext("Then press Enter.")
    return replace(found, note=f"{found.note} {HOW_TO_NAME} {then}".strip())


class NewPersonForm(forms.ModelForm):
    """A person who is new at the clinic: name, birth date, phone number."""

    date_of_birth = TypedDateField(
        required=False,
        label=_("Birth date"),
        widget=forms.DateInput(
            format="%Y-%m-%d", attrs={"placeholder": _("17 May 1990 or 1990-05-17")}
        ),
    )
    phone_number = PhoneNumberField(required=False, label=_("Phone"))

    class Meta:
        model = Patient
        fields = ("first_name", "last_name", "date_of_birth", "phone_number")

    def __init__(self, *args: Any, site: Location | None, restricted: bool, **options: Any) -> None:
        """Make the form; `restricted` staff find a person again by the birth date alone."""
        super().__init__(*args, **{"auto_id": "new-%s", **options})
        self.fields["date_of_birth"].required = restricted
        region = _region_of(site)
        self.fields["phone_number"] = PhoneNumberField(
            region=region,
            required=False,
            label=_("Phone"),
            help_text="" if region else _("With country code: +34 612 345 678."),
        )
        self.fields["first_name"].help_text = ""
        for bound in self:
            bound.field.widget.attrs.update({"form": "book", "autocomplete": "off"})

    def focus_first(self) -> None:
        """Put the focus on the first field with an error, else on the first that is empty."""
        empty = [name for name in self.fields if not self[name].value()]
        name = next((each for each in [*self.errors, *empty] if each in self.fields), "last_name")
        self.fields[name].widget.attrs["autofocus"] = True

    def maybe_same(self, rows: PatientQuerySet) -> list[Patient]:
        """Return the people among the rows who may be this person."""
        return list(rows.maybe_same(self.instance)[:MOST_SAME])


def _region_of(site: Location | None) -> str | None:
    """Return the country whose phone numbers may be typed without the country's code."""
    country = site.country if site else None
    return country if country in phonenumbers.SUPPORTED_REGIONS else None


def typed_person(text: str) -> dict[str, str]:
    """Return what was typed into the search as the first values of the form of a new person.

    The last word is the last name; with a comma it is what stands before that. The form reads the
    birth date as typed: the search reads numbers that could be mistaken for another date.
    """
    terms = typed_terms(text)
    before, comma, after = text.partition(",")
    last, first = _typed_names(before), _typed_names(after)
    if not (comma and last and first):
        names = _typed_names(text)
        last, first = names[-1:], names[:-1]
    days = [each.raw for each in terms if each.days]
    phones = [each.raw for each in terms if each.digits and not each.word]
    return {
        "first_name": " ".join(first),
        "last_name": " ".join(last),
        "date_of_birth": days[0] if days else "",
        "phone_number": phones[0] if phones else "",
    }


def _typed_names(text: str) -> list[str]:
    """Return the names in a text, each once: one with a hyphen is several terms of the search."""
    names, rest = [], 0
    for term in typed_terms(text):
        if rest or not term.word or term.digits:
            rest = max(0, rest - 1)
            continue
        names.append(term.raw)
        rest = len(folded_words(term.raw)) - 1
    return names
