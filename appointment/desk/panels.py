"""The base class of what the desk shows in its panel: the details of one visit or person."""

from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appointment.desk.answers import Said
from appointment.desk.pages import DeskPage
from appointment.models import Appointment
from extensions.formats import instant_text
from patient.models import Patient


class Panel(DeskPage):
    """A part of the page that the panel shows; without a script it is a page of its own."""

    template_name = "desk/panel.html"
    part: str = ""  # the template of the panel

    def panel(self, opened: Patient | None, **more: Any) -> HttpResponse:
        """Show the panel; to open it for a patient writes one audit event for that patient."""
        if opened is not None:
            self.record_person(opened)
        if self.request.htmx:  # type: ignore[attr-defined]
            return self.page(template=self.part, **more)
        return self.page(template=self.template_name, part=self.part, **more)

    def answer_panel(self, said: Said, part: str = "", **more: Any) -> HttpResponse:
        """Answer with the sentence, and the panel with this part; without one it is emptied.

        A panel that the form did not come from, and with it what is typed there, stays as it is.
        """
        if not part and not self.request.POST.get("panel"):
            return self.answer(said)
        if not said.refused and not self.request.htmx:  # type: ignore[attr-defined]
            said = replace(said, then=reverse("desk:day"))  # and not to the form once more
        return self.answer(said, "desk/said_and_panel.html", part=part, **more)


def visit_line(visit: Appointment) -> str:
    """Return person, doctor and time of a visit in one line."""
    person = visit.patient.name if visit.patient else gettext("erased person")
    return f"{person}, {visit.doctor}, {instant_text(visit.starts_at, visit.location.zone)}"


class VisitPanel(Panel):
    """A panel about one visit, or an action on it."""

    title = _("Visit")

    def visit(self, pk: int) -> Appointment:
        """Return the visit; raises Http404 for one at a site that the user does not see."""
        visits = Appointment.objects.at_sites_of(self.user).with_names()
        return get_object_or_404(visits, pk=pk)
