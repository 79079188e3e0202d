"""Panels of the day page that book: a walk-in, a free time of the grid, a place in a full time."""

from functools import cached_property
from typing import Any, ClassVar

from django.http import Http404
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appointment.desk.access import CHANGE_VISITS
from appointment.desk.booking_form import TIME_GONE, BookingView, Choice
from appointment.desk.booking_query import OfferedTime, context_for, offered
from appointment.models import Appointment
from appointment.models.lifecycle import WALK_IN
from doctor.models import Doctor, Location, Slot

FULL = "full"


class PanelView(BookingView):
    """A panel that offers a few times."""

    template_name = "desk/panel.html"
    because_label: ClassVar[Any] = ""  # of the field for a reason; "" shows none

    @property
    def heading(self) -> str:
        """The heading of the panel."""
        raise NotImplementedError

    def region_context(self) -> dict[str, Any]:
        """Add the heading, the times and whether the panel asks for a reason."""
        offers = self.offers()
        because = self.because_label or any(each.may_be_waived for each in offers)
        more = {"heading": self.heading, "offers": offers, "asks_because": because}
        return {**super().region_context(), "part": self.region_template, **more}


class FreePanel(PanelView):
    """Book one free time of the grid."""

    title = _("Book a time")
    kind = "desk.free"
    carried = ("slot",)
    waives: ClassVar[bool] = False  # whether the panel shows what a reason makes possible

    @property
    def heading(self) -> str:
        """Name the time, the doctor and the site."""
        return str(self.named_slot) if self.named_slot else str(TIME_GONE)

    def offers(self) -> list[OfferedTime]:
        """Return the time, with the first rule against it for this person.

        Raises Http404 for a panel without a time.
        """
        if self.key("slot") is None:
            raise Http404(gettext("There is no such time."))
        if self.named_slot is None:
            return []
        context = context_for(self.person, self.at, [self.named_slot.location], waive=self.waives)
        return offered(Slot.objects.of_key(self.named_slot.pk), context)


class SqueezeInPanel(FreePanel):
    """Add a place to a full time and book it."""

    title = _("Squeeze in")
    kind = "desk.squeeze_in"
    because_label = _("Squeeze in because")
    waives = True

    def offers(self) -> list[OfferedTime]:
        """Return the time with the button that adds a place."""
        return [squeezed(each) if each.reason == FULL else each for each in super().offers()]

    def book_visit(self, visit: Appointment, choice: Choice) -> None:
        """Squeeze the patient in, with the reason."""
        visit.book(override_reason=self.because, squeeze_in=True)


class WalkInPanel(PanelView):
    """Book the time under way, or the next one of today, for a person who has come."""

    title = _("Walk-in")
    kind = "desk.walk_in"
    carried = ("doctor", "location")
    because_label = _("Rules are set aside because")

    def may_open(self) -> bool:
        """Whether the user may book and check in."""
        return super().may_open() and self.user.is_staff_with(CHANGE_VISITS)

    @cached_property
    def doctor(self) -> Doctor:
        """The doctor of the column; raises Http404 for one who is not there.

        A form that was opened before names a doctor who may have become inactive since.
        """
        doctors = Doctor.objects.active() if self.is_opened else Doctor.objects.all()
        found = doctors.filter(pk=self.key("doctor") or 0).first()
        if found is None:
            raise Http404(gettext("There is no such doctor."))
        return found

    @property
    def place(self) -> Location:
        """The site of the column; raises Http404 while there is none."""
        if self.site is None:
            raise Http404(gettext("There is no location."))
        return self.site

    @property
    def heading(self) -> str:
        """Name the doctor and the site."""
        return f"{self.doctor}, {self.place}"

    @property
    def because(self) -> str:
        """Why staff set rules aside."""
        return super().because or WALK_IN

    def offers(self) -> list[OfferedTime]:
        """Return the next free time of today and, if the present one is full, a place in that."""
        today = self.place.today(self.at)
        slots = Slot.objects.filter(doctor=self.doctor).between(today, today, [self.place])
        context = context_for(self.person, self.at, [self.place], waive=True)
        times = offered(slots.coming(self.at), context)
        free = [each for each in times if each.reason is None][:1]
        present = [squeezed(each) for each in times[:1] if each.reason == FULL]
        return [*present, *free] or times[:1]

    def book_visit(self, visit: Appointment, choice: Choice) -> None:
        """Book and check in, or neither."""
        visit.walk_in(override_reason=self.because, squeeze_in=choice.squeeze)

    @property
    def done(self) -> str:
        """The sentence about the visit."""
        return gettext("%(person)s is booked and checked in: %(visit)s.")


def squeezed(offer: OfferedTime) -> OfferedTime:
    """Return the time with a button that adds a place to it."""
    return OfferedTime(offer.slot, offer.reason, squeeze=True)
