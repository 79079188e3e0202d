"""Find a person at the desk, and open what the desk knows of that person."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from accounts.models import OutgoingMessage
from appointment.desk.access import ADD_VISITS, VIEW_PATIENTS
from appointment.desk.day_query import Card, card_of
from appointment.desk.navigation import CHANGE_MESSAGES
from appointment.desk.pages import DeskPage
from appointment.desk.panels import Panel
from appointment.desk.people import FoundPeople, find_people, is_long_enough, person_facts
from appointment.messages.state import last_ended, messages_by_visit, state_text
from appointment.models import Appointment
from appointment.models.site_patients import patients_for_staff
from extensions.formats import instant_text
from patient.models import Patient

A_DAY = timedelta(days=1)
MOST_PAST = 5  # visits of a person that are over


@dataclass(frozen=True)
class Found:
    """A person whom the search found, with birth date, phone and next visit in words."""

    patient: Patient
    facts: str
    next_visit: str


def with_next_visits(user: Any, found: FoundPeople, at: datetime) -> list[Found]:
    """Return the people with the next visit at a site of the user."""
    coming = _next_visits(user, found.people, at)
    return [
        Found(each, _facts(each, each.pk in found.in_doubt), coming.get(each.pk, ""))
        for each in found.people
    ]


def _facts(patient: Patient, in_doubt: bool) -> str:
    address = " ".join(patient.address.split())[:80] if in_doubt else ""
    return ", ".join(filter(None, (person_facts(patient), address)))


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

    title = _("Find a person")
    template_name = "desk/search.html"
    permission = VIEW_PATIENTS
    kind = "desk.search"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show who is found."""
        typed = " ".join(request.GET.get("q", "").replace("\0", " ").split())
        found, note = None, ""
        if is_long_enough(typed):
            people = find_people(patients_for_staff(self.user), typed)
            found, note = with_next_visits(self.user, people, self.at), people.note
            self.record_page()
        template = "desk/found.html" if request.htmx else self.template_name  # type: ignore[attr-defined]
        return self.page(template=template, typed=typed, found=found, note=note)


class PersonPanel(Panel):
    """A person with the visits of today, those ahead and the last ones, and what can be done."""

    title = _("Person")
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
        near = rows.filter(date__gte=self.at.date() - A_DAY, starts_at__gt=self.at - 3 * A_DAY)
        near = list(near.order_by("starts_at", "pk"))
        ahead = [visit for visit in near if visit.date >= visit.location.today(self.at)]
        before = list(self._before(rows, [visit.pk for visit in ahead]))
        messages = messages_by_visit(visit.pk for visit in (*ahead, *before))
        return {"ahead": self._cards(ahead, messages), "past": self._cards(before, messages)}

    def _before(self, rows: QuerySet[Appointment], ahead: list[int]) -> Any:
        over = rows.filter(starts_at__lte=self.at).exclude(pk__in=ahead)
        return over.order_by("-starts_at", "-pk")[:MOST_PAST]

    def _cards(
        self, visits: Iterable[Appointment], messages: dict[int, list[OutgoingMessage]]
    ) -> list[tuple[Card, Appointment, list[tuple[str, int | None]]]]:
        """Return the cards, each with its visit and what became of the messages about it."""
        may_change = self.user.is_staff_with(self.permission_to_change)
        return [
            (
                card_of(
                    visit, self.at, may_change, instant_text(visit.starts_at, visit.location.zone)
                ),
                visit,
                self._states(visit, messages.get(visit.pk, [])),
            )
            for visit in visits
        ]

    def _states(
        self, visit: Appointment, messages: list[OutgoingMessage]
    ) -> list[tuple[str, int | None]]:
        """Return what became of the messages about the visit.

        Beside the last one of a visit to come stands its key, if the user may send it again.
        """
        may_send = visit.starts_at > self.at and self.user.is_staff_with(CHANGE_MESSAGES)
        last = last_ended(messages) if may_send else None
        return [
            (state_text(each, visit.location), each.pk if each is last else None)
            for each in messages
        ]
