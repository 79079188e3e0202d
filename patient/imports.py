"""The import of patients from a file."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from extensions.db.locks import lock_rows
from extensions.import_columns import ChoiceCell, Column, DateCell, PhoneCell
from extensions.imports import CsvResource, Note
from patient.models import Patient

SAME_PHONE = _("Line %(line)s of the file may be the same person: the same phone number.")
SAME_NAME = _("Line %(line)s of the file may be the same person: the same name and birth date.")


class PatientResource(CsvResource):
    """Patients by their external id, written in bulk. Imported patients have no account.

    `day_first`: whether the clinic's sites write dates in numbers with the day first. `region`: the
    country of phone numbers without a country code. A new row of a person who may be there already
    is refused, unless `adds_doubted`; nobody is merged.
    """

    external_id = Column(_("The patient's number in your other system. Required."), "P-1001")
    last_name = Column(_("Required."), "Reed")
    first_name = Column(_("Empty for a person with one name."), "Lucía")
    date_of_birth = Column(_("1990-05-17 or 17 May 1990."), "1990-05-17", DateCell())
    sex = Column(
        _("female, male, other or unknown."),
        "female",
        ChoiceCell({}, _("Write female, male, other or unknown.")),
    )
    phone_number = Column(_("With country code."), "+34 612 345 678", PhoneCell())
    address = Column(_("Of one line or several."), "Calle Mayor 1, 28013 Madrid")
    preferred_language = Column(_("BCP 47, such as es or pt-BR."), "es")
    emergency_contact_name = Column("", "Conor Reed")
    emergency_contact_phone = Column(_("With country code."), "+34 612 345 679", PhoneCell())

    class Meta:
        model = Patient
        fields = (
            "external_id",
            "last_name",
            "first_name",
            "date_of_birth",
            "sex",
            "phone_number",
            "address",
            "preferred_language",
            "emergency_contact_name",
            "emergency_contact_phone",
        )
        import_id_fields = ("external_id",)
        use_bulk = True
        skip_diff = True
        store_instance = True

    words = _("patients")
    required = ("external_id", "last_name")
    not_checked = frozenset({"user"})

    def __init__(
        self,
        day_first: Callable[[Mapping[str, str]], bool],
        region: str | None,
        adds_doubted: bool = False,
    ) -> None:
        super().__init__()
        self.adds_doubted = adds_doubted
        self.people: dict[tuple[Any, ...], int] = {}  # who is in the file, and the line
        self.fields["sex"].widget.words = sexes_by_name()
        self.fields["date_of_birth"].widget.day_first = day_first
        for name in ("phone_number", "emergency_contact_phone"):
            self.fields[name].widget.region = region

    def load(self, rows: list[dict[str, str]]) -> None:
        """Read the patients of the batch, and lock them if it is to be written."""
        found = Patient.objects.with_external_ids(row["external_id"].strip() for row in rows)
        patients = lock_rows(found) if self.is_writing else found
        self.existing = {each.external_id: each for each in patients}

    def label_of(self, cells: dict[str, str]) -> str:
        names = (cells.get("first_name", ""), cells.get("last_name", ""))
        return " ".join(filter(None, map(str.strip, names))) or super().label_of(cells)

    def notes_of(self, instance: Any) -> list[Note]:
        return getattr(instance, "doubts", [])

    def after_init_instance(self, instance: Any, new: bool, row: Any, **kwargs: Any) -> None:
        super().after_init_instance(instance, new, row, **kwargs)
        instance.line = self.line

    # --- Writing in bulk ---

    def bulk_create(self, *args: Any, **kwargs: Any) -> None:
        """Refuse or note who may be there already, and write the other new patients."""
        patients = list(self.create_instances)
        self.create_instances.clear()
        stored = Patient.objects.maybe_same_as(patients)
        for position, patient in enumerate(patients):
            doubts = self._doubts(patient, stored.get(position))
            name = "doubts" if self.adds_doubted else "refusals"
            setattr(patient, name, doubts)
        added = [each for each in patients if not getattr(each, "refusals", [])]
        if self.is_writing and added:
            Patient.objects.enroll_all(added)

    def bulk_update(self, *args: Any, **kwargs: Any) -> None:
        """Write the changed columns of patients who are there."""
        patients = list(self.update_instances)
        self.update_instances.clear()
        if self.is_writing and patients:
            columns = {name for each in patients for name in self.changes(each)}
            Patient.objects.revise_all(patients, sorted(columns))

    def _doubts(self, patient: Any, stored: Any) -> list[Note]:
        """Return why a new patient may be there already: in an earlier line, or stored."""
        found = []
        for identity in patient.identities():
            line = self.people.setdefault(identity, patient.line)
            if line != patient.line:
                sentence: Any = SAME_PHONE if len(identity) == 1 else SAME_NAME
                found.append(Note(sentence % {"line": line}, is_doubt=True))
        if stored is not None and not found:
            sentence = gettext(
                "May be there already: %(patient)s, with this name and birth date or phone."
            )
            found.append(Note(sentence % {"patient": stored}, is_doubt=True, of=stored.pk))
        return found


@cache
def sexes_by_name() -> dict[str, str]:
    """Map the words of each language for a sex, and their first letters, to its code.

    A letter that means two of them is left out: "m" is male, and mujer.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for language, _name in settings.LANGUAGES:
        with override(language):
            for sex in Patient.Sex:
                word = str(sex.label).casefold()
                for name in (sex.value, word, word[0]):
                    found[name].add(sex.value)
    return {name: codes.pop() for name, codes in found.items() if len(codes) == 1}
