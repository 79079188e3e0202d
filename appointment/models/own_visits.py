"""The visits of some patients as the list of their account shows them, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db.models import F, Q

from appointment.models.appointment import Appointment
from doctor.models import Doctor, Location
from extensions.db.compiled import CompiledQuery, compiled
from extensions.db.expressions import CountOf
from patient.models import Patient

# What a row of the list shows of the doctor and the location, and what `can_cancel` needs.
OF_DOCTOR = ("id", "title", "first_name", "last_name")
OF_LOCATION = ("id", "name", "time_zone", "cancel_deadline_minutes")
COLUMNS = {
    f"{path}_of_visit_{name}": F(f"{path}__{name}")
    for path, names in (("doctor", OF_DOCTOR), ("location", OF_LOCATION))
    for name in names
}


@dataclass(frozen=True)
class OwnVisits:
    """The visits of these patients that meet a condition, in an order that is total.

    `order`: columns as of `order_by`. Each order has statements of its own, so there must be few.
    """

    patients: Sequence[Patient]
    condition: Q
    order: tuple[str, ...]

    def rows(self, first: int, most: int) -> list[Appointment]:
        """Return at most `most` visits from this index on, by one statement.

        Each brings its doctor, location and patient, and as `rows_in_all` the number of all visits.
        """
        patients: dict[int | None, Patient] = {each.pk: each for each in self.patients}
        visits = _page_query(self.order, first, most)(
            [each.pk for each in self.patients], self.condition
        )
        known: dict[Any, Any] = {}
        for visit in visits:
            visit.patient = patients[visit.patient_id]
            visit.doctor = _referred(visit, "doctor", Doctor, OF_DOCTOR, known)
            visit.location = _referred(visit, "location", Location, OF_LOCATION, known)
        return visits


def _referred(
    visit: Any, path: str, model: Any, names: tuple[str, ...], known: dict[Any, Any]
) -> Any:
    """Return the row to which the visit refers, made of COLUMNS once for all visits of a page."""
    key = (path, getattr(visit, f"{path}_id"))
    if key not in known:
        values = [getattr(visit, f"{path}_of_visit_{name}") for name in names]
        known[key] = model.from_db(visit._state.db, names, values)
    return known[key]


@lru_cache(maxsize=16)  # mostly the first page, in one order
def _page_query(order: tuple[str, ...], first: int, most: int) -> CompiledQuery[Any, Appointment]:
    """Return the query of a page. `appointment_patient_start` yields the keys in their order.

    The keys are a subquery, or PostgreSQL might join all visits before it takes some of them.
    """

    @compiled
    def page(patients: Any, condition: Q) -> Any:
        own = Appointment.objects.of_patients(patients).filter(condition)
        keys = own.order_by(*order).values("pk")[first : first + most]
        visits = Appointment.objects.filter(pk__in=keys).order_by(*order)
        return visits.annotate(rows_in_all=CountOf(own), **COLUMNS)

    return page
