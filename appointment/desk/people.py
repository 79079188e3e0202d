"""The search for people as one types, of the day page and of the booking page, and their line."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from extensions.formats import date_text
from extensions.search import typed_terms
from patient.models import Patient

MOST_PEOPLE = 12  # in the list of a search; a user who wants others types more
FEWEST_TYPED = 2  # characters
NO_PERSON = _("No person is found.")
MORE_PEOPLE = _("More people are found: type more of the name, the birth date or the phone number.")


@dataclass(frozen=True)
class FoundPeople:
    """The people of a search. `in_doubt`: keys of those whose name another one has too.

    `note`: a sentence below them.
    """

    people: list[Patient] = field(default_factory=list)
    in_doubt: frozenset[int] = frozenset()
    note: Any = ""


def find_people(patients: QuerySet[Patient], text: str, keys: Collection[int] = ()) -> FoundPeople:
    """Return the first of these patients, by name, whom every typed term finds.

    `keys`: those of the patients who are found already; the text does not matter then.
    """
    rows: Any = patients
    condition = None if keys else rows.search_condition(typed_terms(text), rows.search_columns)
    if keys:
        rows = rows.filter(pk__in=keys)
    else:
        rows = rows.none() if condition is None else rows.filter(condition)
    people = _first_by_name(rows, MOST_PEOPLE + 1)
    note = "" if people else NO_PERSON
    if len(people) > MOST_PEOPLE:
        note = MORE_PEOPLE
    return FoundPeople(people[:MOST_PEOPLE], _in_doubt(people), note)


def _first_by_name(rows: QuerySet[Patient], most: int) -> list[Patient]:
    """Return the first of these people by name; there are few hundreds of them.

    Python sorts their names. PostgreSQL would read people by the index of names, many thousands,
    until it has met enough of these.
    """
    names = rows.order_by().values_list("last_name_key", "first_name_key", "pk")
    keys = [pk for *_, pk in nsmallest(most, names)]
    found = rows.model.objects.in_bulk(keys)
    return [found[key] for key in keys if key in found]


def is_long_enough(text: str) -> bool:
    """Whether a search as one types begins with this text; one letter finds too many people."""
    return len(text.strip()) >= FEWEST_TYPED


def _in_doubt(people: list[Patient]) -> frozenset[int]:
    """Return the keys of those with the name of another one: their address tells them apart."""
    names = Counter((each.last_name_key, each.first_name_key) for each in people)
    return frozenset(
        each.pk for each in people if names[each.last_name_key, each.first_name_key] > 1
    )


def person_line(patient: Patient) -> str:
    """Return the name, the birth date and the phone number on one line."""
    return ", ".join(filter(None, (patient.name, person_facts(patient))))


def person_facts(patient: Patient) -> str:
    """Return the birth date and the phone number, as far as they are known."""
    day = patient.date_of_birth
    born = gettext("born %(date)s") % {"date": date_text(day)} if day else ""
    return ", ".join(filter(None, (born, spoken_phone(patient.phone_number))))


def spoken_phone(number: Any) -> str:
    """Return a phone number in groups of digits, as a person reads it out; "" for none."""
    return str(getattr(number, "as_international", "") or number or "")
