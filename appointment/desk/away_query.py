"""What the page of leave shows: who is away, what leave would hit, and the visits to rebook."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import F
from django.utils.translation import gettext, ngettext

from appointment.desk.away_form import DATES, DOCTOR, REST, SITE, SPANS, TODAY, AwayForm
from appointment.desk.cards import VisitCard, version_of
from appointment.desk.reasons import shown_reason
from appointment.models import Appointment, AppointmentEvent, Proposal, WorkListItem
from doctor.models import Doctor, Location, Slot, TimeOff
from extensions.formats import instant_text

MOST_VISITS = 300  # shown at once
MOST_LEAVES = 30
MOST_TIMES = 3  # of a visit
RENEW_BEFORE = timedelta(minutes=5)  # proposals that run out sooner, when the page is opened


class Hit:
    """What leave would hit: visits that have not ended, and times that could still be booked.

    The visits are those at the sites of the user; `elsewhere` is the number at other sites.
    """

    def __init__(self, span: str, form: AwayForm) -> None:
        self.span, self.words = span, SPANS[span]
        self.error = ""
        try:
            self.leave = form.leave(span)
        except ValidationError as error:
            self.error = " ".join(error.messages)
            return
        at, user = form.at, form.user
        visits = Appointment.objects.affected_by(self.leave, at)
        self.visits = visits.at_sites_of(user).count()
        self.elsewhere = visits.count() - self.visits if user.sites is not None else 0
        free = self.leave.slots(at).filter(is_open=True, taken__lt=F("capacity"))
        self.times = free.count()
        self.clock = form.clock_of(span)
        self.when = when_text(self.leave, self.clock)

    @property
    def text(self) -> str:
        """What it hits, in words."""
        visits = ngettext("%(number)d visit", "%(number)d visits", self.visits)
        times = ngettext("%(number)d free time", "%(number)d free times", self.times)
        known = {
            "visits": visits % {"number": self.visits},
            "times": times % {"number": self.times},
        }
        if not self.elsewhere:
            return gettext("%(visits)s and %(times)s") % known
        text = ngettext(
            "%(visits)s (%(number)d more at other sites) and %(times)s",
            "%(visits)s (%(number)d more at other sites) and %(times)s",
            self.elsewhere,
        )
        return text % {**known, "number": self.elsewhere}

    @property
    def key(self) -> str:
        """What the user has been shown before saving; if it has changed, the page asks again."""
        whose = self.leave.doctor_id or f"site {self.leave.location_id}"
        start = "" if self.span == REST else self.leave.starts_at.isoformat()
        return f"{whose} {start} {self.leave.ends_at.isoformat()} {self.visits}"


def hits(form: AwayForm) -> list[Hit]:
    """Return what the leave would hit for the rest of today, today and, if typed, the dates."""
    spans = (REST, TODAY, DATES) if form.cleaned_data["first"] else (REST, TODAY)
    return [Hit(span, form) for span in spans]


def when_text(leave: TimeOff, clock: Location) -> str:
    """Return from when to when, on the clock of the site."""
    start, end = (instant_text(each, clock.zone) for each in (leave.starts_at, leave.ends_at))
    return gettext("from %(start)s to %(end)s") % {"start": start, "end": end}


def leave_sentence(leave: TimeOff, clock: Location) -> str:
    """Return one sentence that names the doctor or the site that is away, and the times."""
    if leave.doctor:
        return gettext("%(doctor)s is away %(when)s.") % _of_leave(leave, clock)
    return gettext("%(location)s is closed %(when)s.") % _of_leave(leave, clock)


def ended_sentence(leave: TimeOff, clock: Location) -> str:
    """Return the sentence of leave that is taken back."""
    if leave.doctor:
        return gettext("%(doctor)s is no longer away %(when)s.") % _of_leave(leave, clock)
    return gettext("%(location)s is no longer closed %(when)s.") % _of_leave(leave, clock)


def _of_leave(leave: TimeOff, clock: Location) -> dict[str, str]:
    """Return the values for a sentence about leave: whose, and when with the reason."""
    reason = f" ({shown_reason(leave.reason)})" if leave.reason else ""
    when = f"{when_text(leave, clock)}{reason}"
    return {"doctor": str(leave.doctor), "location": str(leave.location), "when": when}


def last_name_first(doctor: Doctor) -> str:
    """Return the name as lists sort it, such as García, Dr. Elena."""
    others = " ".join(filter(None, (doctor.title, doctor.first_name)))
    return f"{doctor.last_name}, {others}" if others else doctor.last_name


@dataclass(frozen=True)
class ProposedTime:
    """A time proposed for a visit."""

    slot: Slot
    visit: Appointment

    @property
    def text(self) -> str:
        """The start on the clock of its site."""
        return instant_text(self.slot.starts_at, self.slot.location.zone)

    @property
    def other(self) -> str:
        """The doctor and the site, where they are not those of the visit."""
        other = []
        if self.slot.doctor_id != self.visit.doctor_id:
            other.append(str(self.slot.doctor))
        if self.slot.location_id != self.visit.location_id:
            other.append(str(self.slot.location))
        return ", ".join(other)

    @property
    def label(self) -> str:
        """The time with its doctor and site, for a sentence."""
        return f"{self.text}, {self.slot.doctor}, {self.slot.location}"


@dataclass
class RebookRow:
    """A visit to rebook, with the times proposed for it and the calls without an answer."""

    visit: Any
    at: datetime
    times: list[ProposedTime] = field(default_factory=list)
    calls: list[AppointmentEvent] = field(default_factory=list)
    lost: bool = False  # whether a time that was proposed cannot be booked any more

    @property
    def card(self) -> VisitCard:
        """The visit as the desk shows it."""
        return VisitCard(self.visit, self.at)

    @property
    def start(self) -> str:
        """The start on the clock of the site."""
        return instant_text(self.visit.starts_at, self.visit.location.zone)

    @property
    def begun(self) -> bool:
        """Whether the visit has begun: staff then need a reason to move or cancel it."""
        return bool(self.visit.starts_at <= self.at)

    @property
    def movable(self) -> bool:
        """Whether there is a person who could come at another time: not erased, not deceased."""
        return self.visit.patient is not None and not self.visit.patient.is_deceased

    @property
    def call_texts(self) -> list[str]:
        """When and by whom the patient was called, on the clock of the site."""
        return [self._call_text(call) for call in self.calls]

    def _call_text(self, call: AppointmentEvent) -> str:
        when = instant_text(call.at, self.visit.location.zone)
        if not call.actor_name:
            return when
        return gettext("%(when)s by %(person)s") % {"when": when, "person": call.actor_name}

    @property
    def shown(self) -> tuple[Any, ...]:
        """All that the page shows of the visit."""
        person = (self.card.person, self.card.birth_year, self.card.phone, self.visit.patient_id)
        what = (str(self.visit.doctor), str(self.visit.location), self.visit.cause)
        times = [(time.slot.pk, time.text, time.other) for time in self.times]
        about = (self.visit.reason, self.begun, self.movable)
        return (self.visit.pk, *person, self.start, *what, *about, times)

    @property
    def first(self) -> str:
        """The visit and its first time, as the form that moves all sends them; "" without one."""
        return f"{self.visit.pk}:{self.times[0].slot.pk}" if self.times and not self.begun else ""


class Rebooking:
    """The visits to rebook, soonest first, at most MOST_VISITS.

    Those that this `leave` hits or at this `location`, if one is given. The number of statements
    does not grow with the visits.
    """

    def __init__(
        self,
        user: Any,
        at: datetime,
        leave: TimeOff | None = None,
        location: Location | None = None,
        clock: Location | None = None,
    ) -> None:
        self.user, self.at, self.leave, self.location = user, at, leave, location
        self.clock = leave.location if leave and leave.location else clock

    @property
    def sentence(self) -> str:
        """The sentence about the leave whose visits are shown, on the clock of their site."""
        clock = self.clock
        if self.leave and self.leave.doctor and self.visits:
            clock = self.visits[0].location
        return leave_sentence(self.leave, clock) if self.leave and clock else ""

    @cached_property
    def found(self) -> Any:
        """The visits that the user sees, without a limit."""
        visits: Any = WorkListItem.objects.at_sites_of(self.user).to_rebook()
        if self.leave:
            owner = {"doctor": self.leave.doctor_id} if self.leave.doctor_id else {}
            owner |= {"location": self.leave.location_id} if self.leave.location_id else {}
            visits = visits.overlapping(self.leave.starts_at, self.leave.ends_at).filter(**owner)
        return visits.filter(location=self.location) if self.location else visits

    @cached_property
    def visits(self) -> list[Any]:
        """The visits that the page shows."""
        return list(self.found.with_cause().with_names()[:MOST_VISITS])

    @cached_property
    def number(self) -> int:
        """How many visits there are, shown or not."""
        return self.found.count() if len(self.visits) == MOST_VISITS else len(self.visits)

    @property
    def number_text(self) -> str:
        """How many visits there are, how many of them are shown, and how many have no time."""
        visits = ngettext("%(number)d visit", "%(number)d visits", self.number)
        clauses = [visits % {"number": self.number}]
        if self.number > len(self.rows):
            shown = gettext("the first %(shown)d are shown; the others follow")
            clauses.append(shown % {"shown": len(self.rows)})
        if number := self.without_a_time:
            without = ngettext(
                "%(number)d without a time proposed", "%(number)d without a time proposed", number
            )
            clauses.append(without % {"number": number})
        return f"{', '.join(clauses)}."

    @cached_property
    def rows(self) -> list[RebookRow]:
        """The visits with their times and calls."""
        rows = {visit.pk: RebookRow(visit, self.at) for visit in self.visits}
        slots = self._bookable({proposal.slot for proposal in self._proposals})
        for proposal in self._proposals:
            row, slot = rows[proposal.visit], slots.get(proposal.slot)
            if slot is None:
                row.lost = True
            elif self._may_propose(row, slot):
                row.times.append(ProposedTime(slot, row.visit))
        for call in self._calls:
            rows[call.appointment_id].calls.append(call)
        return list(rows.values())

    def _may_propose(self, row: RebookRow, slot: Slot) -> bool:
        here = self.user.works_at(slot.location_id)
        return here and row.movable and len(row.times) < MOST_TIMES

    @property
    def firsts(self) -> list[str]:
        """The visits and their first times, as the form that moves all sends them."""
        return [row.first for row in self.rows if row.first]

    @property
    def without_a_time(self) -> int:
        """How many of the visits have no time proposed."""
        return sum(row.movable and not row.times for row in self.rows)

    @property
    def lost(self) -> bool:
        """Whether a time that was proposed cannot be booked any more."""
        return any(row.lost for row in self.rows)

    @property
    def runs_out(self) -> bool:
        """Whether a proposal runs out soon."""
        soon = self.at + RENEW_BEFORE
        return any(each.until < soon for each in self._proposals)

    @property
    def version(self) -> str:
        """A text that changes with what the page shows."""
        rows = [(row.shown, row.call_texts) for row in self.rows]
        return version_of((self.number, self.lost, self.runs_out, rows))

    @cached_property
    def _proposals(self) -> list[Proposal]:
        pks = [visit.pk for visit in self.visits]
        rows = Proposal.objects.live(self.at).filter(visit__in=pks)
        return list(rows.order_by("visit", "rank", "pk"))

    def _bookable(self, pks: set[int]) -> dict[int, Slot]:
        if not pks:
            return {}
        slots = Slot.objects.filter(pk__in=pks).bookable(self.at)
        return {slot.pk: slot for slot in slots.select_related("doctor", "location")}

    @cached_property
    def _calls(self) -> list[AppointmentEvent]:
        kind = AppointmentEvent.Kind.CALLED
        pks = [visit.pk for visit in self.visits]
        return list(AppointmentEvent.objects.filter(kind=kind, appointment__in=pks).order_by("pk"))


class Away:
    """Whom the form may name, and who is away now or soon, at the sites of the user."""

    def __init__(self, user: Any, at: datetime, clock: Location, sites: list[Location]) -> None:
        self.user, self.at, self.clock, self.sites = user, at, clock, sites

    @cached_property
    def doctors(self) -> list[tuple[str, str]]:
        """The doctors who may be chosen, by last name: the value and the words of the choice.

        The last name comes first, so that the keyboard finds it.
        """
        doctors = Doctor.objects.active().at_sites_of(self.user, self.at)
        return [(f"{DOCTOR}-{each.pk}", last_name_first(each)) for each in doctors]

    @property
    def places(self) -> list[tuple[str, str]]:
        """The sites that may be closed: the value and the words of the choice."""
        return [(f"{SITE}-{each.pk}", str(each)) for each in self.sites]

    @cached_property
    def leaves(self) -> list[tuple[TimeOff, str]]:
        """The leave that has not ended, soonest first, each with its sentence."""
        leaves = TimeOff.objects.at_sites_of(self.user).filter(ends_at__gt=self.at).with_names()
        found = leaves.order_by("starts_at", "pk")[:MOST_LEAVES]
        return [(leave, leave_sentence(leave, leave.location or self.clock)) for leave in found]
