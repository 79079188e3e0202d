"""Find a person at the desk, and open what the desk knows of that person."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from appointment.desk.access import ADD_VISITS
from appointment.desk.day_query import Card, card_of
from appointment.desk.pages import DeskPage
from appointment.desk.panels import Panel
from appointment.models import Appointment
from appointment.models.site_patients import patients_for_staff
from extensions.formats import instant_text
from extensions.search import typed_terms
from patient.models import Patient

VIEW_PATIENTS = "patient.view_patient"
A_DAY = timedelta(days=1)
MOST_FOUND = 12  # people; a user who wants others types more
MOST_PAST = 5  # visits of a person that are over
FEWEST_TYPED = 2  # characters
SEARCHED = ("last_name", "date_of_birth", "phone_number")


@dataclass(frozen=True)
class Found:
    """A person whom the search found, with the next visit in words."""

    patient: Patient
    next_visit: str


def find_people(user: Any, typed: str, at: datetime) -> list[Found]:
    """Return the first patients of this member of staff whom every typed word finds, by name.

    One more than MOST_FOUND, if there are more.
    """
    mine: Any = patients_for_staff(user)
    condition = mine.search_condition(typed_terms(typed), SEARCHED)
    if condition is None:
        return []
    patients = list(mine.filter(condition)[: MOST_FOUND + 1])
    coming = _next_visits(user, patients, at)
    return [Found(patient, coming.get(patient.pk, "")) for patient in patients]


def _next_visits(user: Any, patients: Iterable[Patient], at: datetime) -> dict[int, str]:
    """Map the key of each patient to the next visit, at a site of the user, in words."""
    visits = Appointment.objects.at_sites_of(user).not_ended(at).with_names()
    rows = visits.filter(patient__in=patients).order_by("-starts_at", "-pk")
    return {
        visit.patient_id: f"{instant_text(visit.starts_at, visit.location.zone)}, {visit.doctor}"
        for visit in rows
        if visit.patient_id
    }


class Search(DeskPage):
    """Find people as the user types."""

    title = "Find a person"
    template_name = "desk/search.html"
    permission = VIEW_PATIENTS
    kind = "desk.search"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show who is found."""
        typed = " ".join(request.GET.get("q", "").replace("\0", " ").split())
        found = self._search(typed) if len(typed) >= FEWEST_TYPED else None
        more = bool(found and len(found) > MOST_FOUND)
        template = "desk/found.html" if request.htmx else self.template_name  # type: ignore[attr-defined]
        shown = found and found[:MOST_FOUND]
        return self.page(template=template, typed=typed, found=shown, more=more)

    def _search(self, typed: str) -> list[Found]:
        """Search; this writes one audit event."""
        self.record_page()
        return find_people(self.user, typed, self.at)


class PersonPanel(Panel):
    """A person with the visits of today, those ahead and the last ones, and what can be done."""

    title = "Person"
    permission = VIEW_PATIENTS
    part = "desk/person.html"

    def get(self, request: HttpRequest, patient_id: int) -> HttpResponse:
        """Show the person."""
        patient = get_object_or_404(patients_for_staff(self.user), pk=patient_id)
        visits = self._visits(patient)
        may_add = self.user.is_staff_with(ADD_VISITS)
        return self.panel(patient, patient=patient, may_add=may_add, **visits)

    def _visits(self, patient: Patient) -> dict[str, Any]:
        """Return the visits from today on, the soonest first, and those before, latest first."""
        mine = Appointment.objects.at_sites_of(self.user).with_names()
        rows: Any = mine.with_latest_kind().filter(patient=patient)
        # Today begins at different instants at the sites: a visit of the last day may be of today.
        near = list(rows.filter(date__gte=self.at.date() - A_DAY).order_by("starts_at", "pk"))
        ahead = [visit for visit in near if visit.date >= visit.location.today(self.at)]
        before = self._before(rows, [visit.pk for visit in ahead])
        return {"ahead": self._cards(ahead), "past": self._cards(before)}

    def _before(self, rows: QuerySet[Appointment], ahead: list[int]) -> Any:
        over = rows.filter(starts_at__lte=self.at).exclude(pk__in=ahead)
        return over.order_by("-starts_at", "-pk")[:MOST_PAST]

    def _cards(self, visits: Iterable[Appointment]) -> list[tuple[Card, Appointment]]:
        may_change = self.user.is_staff_with(self.permission_to_change)
        return [
            (
                card_of(
                    visit, self.at, may_change, instant_text(visit.starts_at, visit.location.zone)
                ),
                visit,
            )
            for visit in visits
        ]
