"""A doctor's day on paper."""

from functools import cached_property
from typing import Any

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse

from appointment.desk.access import doctors_seen_by
from appointment.desk.pages import DeskPage
from appointment.desk.printing_query import DoctorsDay, Sheet
from doctor.models import Doctor


class PrintPage(DeskPage):
    """A doctor's day on paper: `?doctor=`, `?date=` (else today at the site), `?location=`.

    Without a location there is a sheet for each site where the doctor works on that day.
    """

    title = "A doctor's day on paper"
    template_name = "desk/print.html"
    kind = "desk.print"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the sheets of the doctor's day, one for each site; 400 for what is no date."""
        known: dict[str, Any] = {"doctor": self.doctor, "doctors": self.doctors}
        try:
            return self.page(day=self.date(), sheets=self.sheets(), **known)
        except BadRequest as refusal:
            return self.page(400, self.template_name, error=str(refusal), **known)

    @cached_property
    def doctors(self) -> list[Doctor]:
        """The doctors that the user can choose, by name."""
        return list(doctors_seen_by(self.user))

    @cached_property
    def doctor(self) -> Doctor | None:
        """The doctor of the URL, None without one; raises Http404 for one the user does not see."""
        key = self.key("doctor")
        if key is None:
            return None
        for doctor in self.doctors:
            if doctor.pk == key:
                return doctor
        raise Http404("There is no such doctor.")

    def sheets(self) -> list[Sheet]:
        """Return the sheets, none without a doctor."""
        if self.doctor is None:
            return []
        only = self.key("location")
        return DoctorsDay(self.user, self.doctor, self.date(), self.at, self.site, only).sheets()
