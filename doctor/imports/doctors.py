"""The import of doctors from a file."""

import re
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from doctor.models import Doctor, Language, Specialty
from extensions.import_columns import Cell, Column, YesNoCell
from extensions.imports import CsvResource
from extensions.text import fold

SEVERAL = re.compile(r"[|;\n]")
RELATED = ("specialties", "languages")
MOST_NAMED = 10  # names that a message lists


class NamesCell(Cell):
    """Several rows of a small table by their names; `rows` maps what people write to the row."""

    def __init__(self, refusal: Any) -> None:
        super().__init__()
        self.refusal = refusal
        self.rows: dict[str, Any] = {}

    @property
    def empty(self) -> list[Any]:
        """The value of an empty cell."""
        return []

    def read(self, text: str, row: Mapping[str, str]) -> list[Any]:
        found = {each.pk: each for name in self._names(text) for each in [self._find(name)]}
        return sorted(found.values(), key=str)

    def shown(self, value: list[Any]) -> str:
        return ", ".join(map(str, value))

    def _names(self, text: str) -> list[str]:
        """Split at bars, and at commas what is no name: a name may have a comma."""
        names = [name.strip() for name in SEVERAL.split(text) if name.strip()]
        parts = [[name] if fold(name) in self.rows else name.split(",") for name in names]
        return [part.strip() for some in parts for part in some if part.strip()]

    def _find(self, name: str) -> Any:
        if found := self.rows.get(fold(name)):
            return found
        known = sorted({str(each) for each in self.rows.values()})
        sentences = [self.refusal % {"name": name[:40]}]
        if known:
            names = ", ".join(known[:MOST_NAMED])
            sentences.append(gettext("There is: %(names)s.") % {"names": names})
        raise ValueError(" ".join(sentences))


class DoctorResource(CsvResource):
    """Doctors by their external id; a doctor without one is found by the license number."""

    external_id = Column(_("The doctor's number in your other system. Required."), "D-100")
    license_number = Column(_("Required."), "28/28/12345")
    title = Column("", "Dr.")
    last_name = Column(_("Required."), "O'Brien")
    first_name = Column(_("Empty for a person with one name."), "Conor")
    specialties = Column(
        _("Names of specialties that are there, with | between them."),
        "Cardiology | Internal medicine",
        NamesCell(_("There is no specialty “%(name)s”. Add it first.")),
        attribute="imported_specialties",
    )
    languages = Column(
        _("Names or tags of languages that are there, with | between them."),
        "en | es",
        NamesCell(_("There is no language “%(name)s”. Add it first.")),
        attribute="imported_languages",
    )
    bio = Column(_("A text for patients."), "Twenty years at the heart center.")
    accepts_patients = Column(_("yes or no; empty: yes for a new doctor."), "yes", YesNoCell())
    is_active = Column(_("yes or no; empty: yes for a new doctor."), "yes", YesNoCell())

    class Meta:
        model = Doctor
        fields = (
            "external_id",
            "license_number",
            "title",
            "last_name",
            "first_name",
            "specialties",
            "languages",
            "bio",
            "accepts_patients",
            "is_active",
        )
        import_id_fields = ("external_id",)
        skip_diff = True
        store_instance = True

    words = _("doctors")
    required = ("external_id", "license_number", "last_name")
    not_checked = frozenset({"user"})

    def __init__(self) -> None:
        super().__init__()
        self.licenses: dict[str, Doctor] = {}
        specialties = {fold(each.name): each for each in Specialty.objects.all()}
        self.fields["specialties"].widget.rows = specialties
        languages = Language.objects.all()
        by_name = {fold(name): each for each in languages for name in (each.name, each.tag)}
        self.fields["languages"].widget.rows = by_name

    @property
    def rows_per_batch(self) -> int:  # type: ignore[override]
        """One doctor a transaction, which may lock coming slots; many where none is written."""
        return 1 if self.is_writing else super().rows_per_batch

    def load(self, rows: list[dict[str, str]]) -> None:
        """Read the doctors of the batch by external id and by license number."""
        doctors = Doctor.objects.prefetch_related("specialties", "languages")
        keys = {row["external_id"].strip() for row in rows} - {""}
        numbers = {row["license_number"].strip() for row in rows}
        by_key = doctors.filter(external_id__in=keys).exclude(external_id="")
        self.existing = {each.external_id: each for each in by_key}
        by_number = doctors.filter(license_number__in=numbers)
        self.licenses = {each.license_number: each for each in by_number}

    def get_instance(self, instance_loader: Any, row: dict[str, str]) -> Any:
        unlinked = self.licenses.get(row["license_number"].strip())
        found = super().get_instance(instance_loader, row)
        return found or (unlinked if unlinked and not unlinked.external_id else None)

    def after_init_instance(self, instance: Any, new: bool, row: Any, **kwargs: Any) -> None:
        for name in RELATED:
            rows = [] if new else list(getattr(instance, name).all())
            setattr(instance, f"imported_{name}", sorted(rows, key=str))
        super().after_init_instance(instance, new, row, **kwargs)

    def label_of(self, cells: dict[str, str]) -> str:
        names = (cells.get(name, "").strip() for name in ("title", "first_name", "last_name"))
        return " ".join(filter(None, names)) or super().label_of(cells)

    def check_row(self, instance: Any, row: dict[str, str], is_new: bool) -> dict[str, Any]:
        """Refuse the license number of another doctor."""
        number = instance.license_number
        other = self.licenses.get(number)
        if other is not None and other.pk != instance.pk:
            text = gettext("%(doctor)s has this license number.")
            if other.external_id:
                text = gettext("%(doctor)s has this license number, external id %(external_id)s.")
            named = {"doctor": other.name, "external_id": other.external_id}
            return {"license_number": text % named}
        if repeated := self.once("license_number", number):
            return {"license_number": repeated}
        return {}

    def write(self, instance: Any, changes: dict[str, Any], is_new: bool) -> None:
        """Save a new doctor by `publish`, or the changed columns of a stored one by `revise`."""
        related = {name: changes.pop(f"imported_{name}", None) for name in RELATED}
        with transaction.atomic():
            if is_new:
                instance.publish()
            elif changes:
                instance.revise(**changes)
            for name, rows in related.items():
                if rows is not None:
                    getattr(instance, name).set(rows)
