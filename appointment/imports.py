"""What staff import from files, who may, and how the audit trail records it."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accounts.models import AuditEvent
from doctor.imports.doctors import DoctorResource
from doctor.imports.hours import HoursResource
from doctor.models import Location
from extensions.import_columns import Column
from extensions.imports import CsvImport, CsvResource
from patient.imports import PatientResource


@dataclass(frozen=True)
class Kind:
    """One of the things to import. `make` gets the user, None for a command, and `adds_doubted`.

    `most_rows`: as many as the page takes in one file; a command takes any number.
    """

    name: str
    resource: type[CsvResource]
    make: Callable[[Any, bool], CsvResource]
    permissions: tuple[str, ...]
    at_all_sites: bool
    most_rows: int

    @property
    def words(self) -> str:
        """How people call the rows."""
        return self.resource.words

    @property
    def most_text(self) -> str:
        """How many rows the page takes, as text."""
        return f"{self.most_rows:,}"

    @property
    def columns(self) -> dict[str, Column]:
        """The columns of the file, by name."""
        return self.resource.columns()

    def may(self, user: Any) -> bool:
        """Whether the user may import these; doctors and patients belong to all sites."""
        allowed = user.is_staff and user.has_perms(self.permissions)
        restricted = user.sites is not None
        return allowed and not (restricted and (self.at_all_sites or not user.sites))

    def reader(
        self, data: bytes, user: Any = None, adds_doubted: bool = False, limited: bool = False
    ) -> CsvImport:
        """Return the import of a file; raises ValidationError if that cannot be read.

        The audit trail records it as a change of this kind once it writes.
        """
        return CsvImport(
            lambda: self.make(user, adds_doubted),
            data,
            most_rows=self.most_rows if limited else None,
            record=self._record,
        )

    def template(self) -> str:
        """Return a CSV file with the header and the example row."""
        file = io.StringIO()
        lines = csv.writer(file)
        lines.writerow(self.columns)
        lines.writerow([column.example for column in self.columns.values()])
        return f"\ufeff{file.getvalue()}"  # the mark by which Excel reads it as UTF-8

    def _record(self) -> None:
        kind, model = f"import.{self.name}", self.resource._meta.model
        AuditEvent.objects.record(AuditEvent.Action.CHANGE, model, kind=kind)


def _patients(user: Any, adds_doubted: bool) -> PatientResource:
    sites = Location.objects.all()
    is_day_first = sites.write_day_first()
    return PatientResource(lambda row: is_day_first, sites.phone_region(), adds_doubted)


KINDS = {
    each.name: each
    for each in (
        Kind(
            "doctors",
            DoctorResource,
            lambda user, _: DoctorResource(),
            ("doctor.view_doctor", "doctor.add_doctor", "doctor.change_doctor"),
            at_all_sites=True,
            most_rows=5_000,
        ),
        Kind(
            "hours",
            HoursResource,
            lambda user, _: HoursResource(user),
            ("doctor.view_weeklyhours", "doctor.add_weeklyhours", "doctor.change_weeklyhours"),
            at_all_sites=False,
            most_rows=1_000,
        ),
        Kind(
            "patients",
            PatientResource,
            _patients,
            ("patient.view_patient", "patient.add_patient", "patient.change_patient"),
            at_all_sites=True,
            most_rows=30_000,
        ),
    )
}


def kinds_for(user: Any) -> list[Kind]:
    """Return what the user may import."""
    return [kind for kind in KINDS.values() if kind.may(user)]
