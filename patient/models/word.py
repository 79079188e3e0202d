"""What patients are found by: the words of their names, birth dates and phone numbers.

A row has one word and after it all words of its patient. So one range of one index finds the
patients with a word that begins as typed, and the other typed words are compared in the same index.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any

import phonenumbers
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from extensions.db.batches import batches
from extensions.db.names import BytewiseCharField, beginning
from extensions.search import Term
from extensions.text import search_words

TEXT_LENGTH = 400  # characters: an index row of PostgreSQL has a limit
MANY = 1000  # patients whose keys a search for patients reads
MANY_ELSEWHERE = 300  # and a search for what patients have, such as visits
MOST_COMPARED = 2000  # patients of a common name of whom a filtered search reads the rows
SHORT = 2  # characters: many words begin with a term as short as this
PROBED = 5000  # words counted at most, to find the term of the fewest patients
# They stand before a date, the digits of a phone number, and these digits backwards. A folded word
# has no white space, so it cannot begin with one of them.
BORN, PHONE, BACKWARDS = "\n", "\t", "\v"
LAST_DIGITS = 4  # the fewest last digits of a phone number that find it
YEAR = 4  # digits
NATIONAL = phonenumbers.PhoneNumberFormat.NATIONAL
Columns = Collection[str]


class PatientWordQuerySet(models.QuerySet["PatientWord"]):
    """The words that a search finds, and the verb `keep` that writes them."""

    def matching(self, terms: Sequence[Term], columns: Columns) -> "list[PatientWordQuerySet]":
        """Return words of the patients of whom every term begins a word, in ranges of the index.

        The words are those that the term of the fewest people begins; a term such as 1984, a year
        or a part of a phone number, has several ranges. `columns`: of the patient, among
        `last_name`, `date_of_birth` and `phone_number`; words of no other column count.
        """
        read = sorted((beginnings(term, columns) for term in terms), key=_rank)
        if not read or not all(read):
            return []
        if len(read) > 1 and max(map(len, read[0])) <= SHORT:
            read.sort(key=lambda words: self.beginning_with(words)[:PROBED].count())
        others = Q()
        for words in read[1:]:
            others &= _any(Q(text__contains=f" {word}") for word in words)
        return [self.beginning_with([word]).filter(others) for word in read[0]]

    def beginning_with(self, words: Sequence[str]) -> "PatientWordQuerySet":
        """Return the words that begin with one of these texts."""
        return self.filter(_any(beginning("text", word) for word in words))

    def first_patients(self, most: int) -> list[int]:
        """Return the keys of the first patients of these words, at most so many.

        In the order of the words, which is that of the index, on both databases.
        """
        rows = self.order_by("text", "patient").values_list("patient", flat=True)
        size = most + 1
        while True:
            found = list(rows[:size])
            keys = list(dict.fromkeys(found))
            if len(keys) >= most or len(found) < size:
                return keys[:most]
            size *= 2

    def of_row(self, path: str) -> Q:
        """Return the condition that the patient of a row has one of these words."""
        return Q(Exists(self.filter(patient=OuterRef(path))))

    def of_phone(self, number: Any) -> models.QuerySet[Any, Any]:
        """Return the keys of the patients with this phone number."""
        return self._keys_of(f"{PHONE}{dialed(number)[0]}")

    def of_phones(self, numbers: Iterable[Any]) -> set[int]:
        """Return the keys of the patients with one of these phone numbers, in one query."""
        found = {f"{PHONE}{dialed(number)[0]} " for number in numbers if number}
        rows = self.filter(_any(beginning("text", word) for word in found)) if found else ()
        return {row.patient_id for row in rows}

    def of_birth(self, day: date) -> models.QuerySet[Any, Any]:
        """Return the keys of the patients who were born on this date."""
        return self._keys_of(f"{BORN}{day.isoformat()}")

    def _keys_of(self, word: str) -> models.QuerySet[Any, Any]:
        return self.filter(beginning("text", f"{word} ")).values("patient")

    def wrong(self, patients: Iterable[Any]) -> set[int]:
        """Return the keys of those of the patients who have other words than they should have."""
        wanted = {patient.pk: sorted(texts_of(patient)) for patient in patients}
        stored: dict[int, list[str]] = {pk: [] for pk in wanted}
        for patient, text in self.filter(patient__in=wanted).values_list("patient", "text"):
            stored[patient].append(text)
        return {pk for pk in wanted if sorted(stored[pk]) != wanted[pk]}

    def orphans(self) -> "PatientWordQuerySet":
        """Return the words of patients that the previous release has deleted."""
        patients: Any = self.model._meta.get_field("patient").related_model
        return self.filter(~Exists(patients._base_manager.filter(pk=OuterRef("patient"))))

    def keep(self, patients: Iterable[Any], new: bool = False) -> None:
        """Write the words of these patients, and delete what they are no longer found by.

        `new`: the patients have none yet.
        """
        texts = {patient.pk: texts_of(patient) for patient in patients}
        known = () if new else self.filter(patient__in=texts).values_list("pk", "patient", "text")
        stale = []
        for pk, patient, text in known:
            if text in texts[patient]:
                texts[patient].remove(text)
            else:
                stale.append(pk)
        missing = [self.model(patient_id=pk, text=text) for pk in texts for text in texts[pk]]
        if stale:
            self.filter(pk__in=stale).delete()
        for some in batches(missing):
            self.bulk_create(some)


class PatientWord(models.Model):
    """One word that a patient is found by, and after it all words of the patient."""

    # Without a constraint: the previous release deletes patients without knowing this table.
    patient = models.ForeignKey(
        "patient.Patient", on_delete=models.CASCADE, db_constraint=False, related_name="words"
    )
    text = BytewiseCharField(max_length=TEXT_LENGTH)

    objects = PatientWordQuerySet.as_manager()

    class Meta:
        verbose_name = _("patient word")
        verbose_name_plural = _("patient words")
        indexes = (models.Index(fields=["text", "patient"], name="patient_patientword_text"),)

    def __str__(self) -> str:
        return f"a word of patient {self.patient_id}"


def texts_of(patient: Any) -> set[str]:
    """Return the texts of the patient's words, for a row of this release or of a migration."""
    names = search_words(patient.last_name, patient.first_name) if patient.last_name else []
    # Before it is read again, a row may have the date as text.
    born = patient._meta.get_field("date_of_birth").to_python(patient.date_of_birth)
    return texts_of_words(names, born and born.isoformat(), dialed(patient.phone_number))


def texts_of_words(names: list[str], born: str | None, numbers: list[str]) -> set[str]:
    """Return the texts for these words of names, ISO birth date, and forms of a phone number."""
    words = [*names, f"{BORN}{born}"] if born else [*names]
    words += [f"{PHONE}{digits}" for digits in numbers]
    words += [f"{BACKWARDS}{digits[::-1]}" for digits in numbers[:1]]
    line = " ".join(words)
    return {f"{word} {line}"[:TEXT_LENGTH] for word in words}


def dialed(number: Any) -> list[str]:
    """Return the digits of a phone number: with the country code, without it, as dialed at home."""
    if not number:
        return []
    if number.country_code is None:  # the text is not a phone number
        return ["".join(filter(str.isdecimal, str(number)))]
    home = phonenumbers.format_number(number, NATIONAL)
    bare = phonenumbers.national_significant_number(number)
    forms = (f"{number.country_code}{bare}", bare, "".join(filter(str.isdecimal, home)))
    return list(dict.fromkeys(form for form in forms if form))


def beginnings(term: Term, columns: Columns) -> list[str]:
    """Return the texts with which a word may begin that the term means, in these columns."""
    found = []
    if term.word and "last_name" in columns:
        found.append(term.word)
    if "date_of_birth" in columns:
        found += [f"{BORN}{day.isoformat()}" for day in term.days]
    if term.digits and "phone_number" in columns:
        found.append(f"{PHONE}{term.digits}")
        if len(term.digits) >= LAST_DIGITS:
            found.append(f"{BACKWARDS}{term.digits[::-1]}")
    if len(term.digits) == YEAR and "date_of_birth" in columns:
        found.append(f"{BORN}{term.digits}")
    return found


def first_patients(ranges: Iterable[PatientWordQuerySet], most: int) -> list[int]:
    """Return the keys of the first patients of these words, at most so many, each once."""
    keys: dict[int, None] = {}
    for words in ranges:
        keys |= dict.fromkeys(words.first_patients(most - len(keys)) if len(keys) < most else ())
    return list(keys)


def _rank(beginnings: list[str]) -> tuple[int, int]:
    """Sort the terms by how few patients they find: the longest first, one reading first."""
    return -min(map(len, beginnings), default=0), len(beginnings)


def _any(conditions: Iterable[Q]) -> Q:
    found = Q()
    for condition in conditions:
        found |= condition
    return found
