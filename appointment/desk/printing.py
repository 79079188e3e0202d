"""A doctor's day on paper."""

from functools import cached_property
from typing import Any

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audit.models import AuditEvent
from appointment.desk.access import doctors_seen_by, own_doctor, sites_of_doctor
from appointment.desk.pages import DeskPage
from appointment.desk.printing_query import DoctorsDay, Sheet
from doctor.models import Doctor, Location


class PrintPage(DeskPage):
    """A doctor's day on paper: `?doctor=`, `?date=` (else today at the site), `?location=`.

    Without a location there is a sheet for each site where the doctor works on that day. Doctors
    print their own day, at every site.
    """

    title = _("A doctor's day on paper")
    template_name = "desk/print.html"
    kind = "desk.print"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the sheets of the doctor's day, one for each site; 400 for what is no date."""
        known: dict[str, Any] = {"doctor": self.doctor, "doctors": self.doctors}
        try:
            return self.page(day=self.date(), sheets=self.sheets(), **known)
        except BadRequest as refusal:
            return self.page(400, self.template_name, error=str(refusal), **known)

    def may_open(self) -> bool:
        return super().may_open() or self.own is not None

    @cached_property
    def own(self) -> Doctor | None:
        """The doctor whose own day this user may see, or None."""
        return own_doctor(self.user)

    @property
    def role(self) -> str:
        """The role in which the user opens the page: doctors print their own day as doctors."""
        is_own = self.own and self.doctor == self.own
        return str(AuditEvent.Role.DOCTOR) if is_own else super().role

    @cached_property
    def sites(self) -> list[Location]:
        """The locations that the user sees, by name."""
        if super().may_open() or self.own is None:
            return super().sites
        return sites_of_doctor(self.own)

    @cached_property
    def doctors(self) -> list[Doctor]:
        """The doctors that the user can choose: the own one, and those that staff see, by name."""
        own = [self.own] if self.own else []
        seen = doctors_seen_by(self.user) if super().may_open() else []
        return [*own, *(doctor for doctor in seen if doctor not in own)]

    @cached_property
    def doctor(self) -> Doctor | None:
        """The doctor of the URL; without one the own doctor of a user who sees no other, or None.

        Raises Http404 for one that the user does not see.
        """
        key = self.key("doctor")
        if key is None:
            return None if super().may_open() else self.own
        for doctor in self.doctors:
            if doctor.pk == key:
                return doctor
        raise Http404(gettext("There is no such doctor."))

    def sheets(self) -> list[Sheet]:
        """Return the sheets, none without a doctor."""
        if self.doctor is None:
            return []
        only, user = self.key("location"), None if self.doctor == self.own else self.user
        return DoctorsDay(user, self.doctor, self.date(), self.at, self.site, only).sheets()
