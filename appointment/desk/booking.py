"""The booking page: a person, what they want, and the next free times to click."""

import re
from datetime import date
from functools import cached_property
from typing import Any, ClassVar

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext, pgettext_lazy

from appointment.desk.booking_form import BookingView, confirmation_of
from appointment.desk.booking_query import (
    MOST_TIMES,
    PART_WORDS,
    TIMES_SHOWN,
    FreeTimes,
    OfferedTime,
    Wish,
    context_for,
    offered,
)
from appointment.models import Appointment
from doctor.models import Doctor, Location, Slot
from extensions.text import fold


class BookPage(BookingView):
    """Book a visit for a patient on one page."""

    title = pgettext_lazy("page of the desk", "New booking")
    template_name = "desk/book.html"
    kind = "desk.book"
    region = "booking"
    region_template = "desk/booking/region.html"
    carried = ("who", "doctor", "location", "from", "part", "because", "slot")
    typed: ClassVar[tuple[str, ...]] = carried

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page, a part of it, or the confirmation of a visit."""
        if "booked" in request.GET:
            return self._confirmation()
        if request.GET.get("fragment") == "times":
            return self.page(template="desk/booking/times.html", **self.region_context())
        return super().get(request)

    def region_context(self) -> dict[str, Any]:
        """Add the wish and the free times."""
        times = self.free_times
        return {
            **super().region_context(),
            "wish": self.wish,
            "free": times,
            "chosen": self.chosen,
            "parts": PART_WORDS,
            "more": self._more(times.shown_next),
        }

    def _more(self, shown: int) -> dict[str, str]:
        """Return the links to a longer list."""
        patient = self.person.pk if self.person else None
        get = f"{self.path}?fragment=times&show={shown}"
        return {"href": self.link(patient=patient, show=shown), "get": get}

    def _confirmation(self) -> HttpResponse:
        """Show what was booked; a page that is opened records whose visit it shows."""
        rows = Appointment.objects.at_sites_of(self.user).with_names()
        visit = rows.filter(pk=self.key("booked") or 0).first()
        if visit is None or visit.patient is None:
            raise Http404(gettext("There is no such visit."))
        if self.request.GET.get("fragment") == "confirmation":
            template = "desk/booking/confirmation.html"
            return self.page(template=template, **confirmation_of(visit, self.at))
        self.record_person(visit.patient)
        return self.page(**confirmation_of(visit, self.at))

    # --- What is wanted ---

    @cached_property
    def wish(self) -> Wish:
        """What the caller wants, by the parameters of the URL or of the form."""
        sent = self.request.POST if self.request.method == "POST" else self.request.GET
        doctor = self._doctor()
        who = sent.get("who")
        if doctor and who is not None and fold(who) != fold(doctor.name):
            doctor = None  # the user has typed another one since
        shown = sent.get("show", "")
        more = int(shown) if shown.isascii() and shown.isdecimal() and len(shown) < 4 else 0
        return Wish(
            who=doctor.name if doctor else (who or "").replace("\0", "")[:200],
            doctor=doctor.pk if doctor else None,
            location=self._location(),
            first=self._first(),
            part=sent.get("part", "") if sent.get("part") in PART_WORDS else "",
            because=self.because,
            shown=min(max(more, TIMES_SHOWN), MOST_TIMES),
        )

    @cached_property
    def free_times(self) -> FreeTimes:
        """The times that the person, if one is chosen, can book."""
        return FreeTimes(self.wish, self.user, self.sites, self.at, self.person)

    @cached_property
    def chosen(self) -> list[OfferedTime]:
        """The time that the page was opened for, with the first rule against it, or nothing."""
        slot = self.named_slot
        if slot is None:
            return []
        context = context_for(self.person, self.at, [slot.location], waive=bool(self.because))
        return offered(Slot.objects.of_key(slot.pk), context)

    def _doctor(self) -> Doctor | None:
        key = self.key("doctor")
        found = None if key is None else Doctor.objects.active().filter(pk=key).first()
        if key is not None and found is None and self.is_opened:
            raise Http404(gettext("There is no such doctor."))
        return found

    def _location(self) -> Location | None:
        """Return the site that the user has chosen; None for all sites of the user."""
        sent = {**self.request.POST.dict(), **self.request.GET.dict()}
        return self.site if sent.get("location") else None

    def _first(self) -> date | None:
        """Return the first day that is wanted; None for a year that is still being typed."""
        typed = str({**self.request.POST.dict(), **self.request.GET.dict()}.get("from", ""))
        by_script = bool(self.request.htmx)  # type: ignore[attr-defined]
        if not typed or (by_script and re.fullmatch("0[0-9]{3}-[0-9]{2}-[0-9]{2}", typed)):
            return None
        return self.date("from")
