"""The person of a booking: found by a search as one types, or new, with who may be the same."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import phonenumbers
from django import forms
from django.http import HttpRequest
from phonenumber_field.formfields import PhoneNumberField

from accounts.exceptions import Throttled
from accounts.privacy import sees_all_sites
from appointment.named_search import HOW_TO_NAME, bookable_patients, find_named
from doctor.models import Location
from extensions.admin.dates import TypedDateField
from extensions.formats import date_text
from extensions.search import Term, typed_terms
from patient.models import Patient, PatientQuerySet

MOST_PEOPLE = 12  # in the list of a search
FEWEST_TYPED = 2  # characters
MOST_SAME = 5  # who may be the new person
NO_PERSON = "No person is found."
MORE_PEOPLE = "More people are found: type more of the name, the birth date or the phone number."


@dataclass(frozen=True)
class FoundPeople:
    """The people of a search. `in_doubt`: keys of those whose name another one has too.

    `note`: a sentence below them.
    """

    people: list[Patient] = field(default_factory=list)
    in_doubt: frozenset[int] = frozenset()
    note: str = ""


def find_people(request: HttpRequest, text: str, named: bool) -> FoundPeople:
    """Return the people whom the text finds and the user may book for.

    `named`: whether staff of a site also search all sites for an exact name and birth date. This
    search is limited, so it is not made at each key that is typed.
    """
    terms = typed_terms(text)
    if not terms or not (named or is_long_enough(text)):
        return FoundPeople()
    try:
        keys = find_named(request, text) if named else None
    except Throttled as error:
        return FoundPeople(note=str(error))
    rows = bookable_patients(request)
    rows = rows.filter(pk__in=keys) if keys else _matching(rows, terms)
    people = list(rows.order_by("last_name_key", "first_name_key", "pk")[: MOST_PEOPLE + 1])
    note = "" if people else NO_PERSON
    if len(people) > MOST_PEOPLE:
        note = MORE_PEOPLE
    elif not keys and not sees_all_sites(request):
        note = f"{note} {HOW_TO_NAME} Then press Enter.".strip()
    return FoundPeople(people[:MOST_PEOPLE], _in_doubt(people), note)


def is_long_enough(text: str) -> bool:
    """Whether a search as one types begins with this text; one letter finds too many people."""
    return len(text.strip()) >= FEWEST_TYPED


def _matching(rows: PatientQuerySet, terms: list[Term]) -> PatientQuerySet:
    condition = rows.search_condition(terms, rows.search_columns)
    return rows.none() if condition is None else rows.filter(condition)


def _in_doubt(people: list[Patient]) -> frozenset[int]:
    """Return the keys of those with the name of another one: their address tells them apart."""
    names = Counter((each.last_name_key, each.first_name_key) for each in people)
    return frozenset(
        each.pk for each in people if names[each.last_name_key, each.first_name_key] > 1
    )


class NewPersonForm(forms.ModelForm):
    """A person who is new at the clinic: name, birth date, phone number."""

    date_of_birth = TypedDateField(
        required=False,
        label="Birth date",
        widget=forms.DateInput(
            format="%Y-%m-%d", attrs={"placeholder": "17 May 1990 or 1990-05-17"}
        ),
    )
    phone_number = PhoneNumberField(required=False, label="Phone")

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
            label="Phone",
            help_text="" if region else "With country code: +34 612 345 678.",
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
    """Return what was typed into the search as the first values of the form of a new person."""
    terms = typed_terms(text)
    names = list(dict.fromkeys(each.raw for each in terms if each.word and not each.digits))
    days = [each.days[0] for each in terms if len(each.days) == 1]
    phones = [each.raw for each in terms if each.digits and not each.word]
    return {
        "first_name": " ".join(names[:-1]),
        "last_name": names[-1] if names else "",
        "date_of_birth": days[0].isoformat() if days else "",
        "phone_number": phones[0] if phones else "",
    }


def person_line(patient: Patient) -> str:
    """Return the name, the birth date and the phone number on one line."""
    born = f"born {date_text(patient.date_of_birth)}" if patient.date_of_birth else ""
    return ", ".join(filter(None, (patient.name, born, spoken_phone(patient.phone_number))))


def spoken_phone(number: Any) -> str:
    """Return a phone number in groups of digits, as a person reads it out; "" for none."""
    return str(getattr(number, "as_international", "") or number or "")
