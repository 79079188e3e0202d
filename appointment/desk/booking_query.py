"""The free times of the desk's booking page: what is wanted, and the next times that fit."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from appointment.models.booking import booking_context
from doctor.exceptions import REFUSALS
from doctor.models import Doctor, Location, Slot, Specialty
from doctor.models.booking_rules import WAIVABLE, BookingContext, places_left
from doctor.models.directory import earliest_today
from doctor.models.doctor import DoctorQuerySet
from doctor.models.slot import SlotQuerySet
from doctor.wall_time import Span, enclosing_span, end_instant_of, instant_of
from extensions.formats import instant_text
from extensions.search import typed_terms
from extensions.text import fold, search_words
from patient.models import Patient

TIMES_SHOWN = 12
MOST_TIMES = 120
MOST_NAMES = 20  # doctors proposed while one types
A_DAY = timedelta(days=1)
LONGEST = 2 * A_DAY  # a time is shorter
DAYS_OF_PART = 62  # days in which a morning, an afternoon or an evening is looked for
PARTS = {
    "morning": (time(0), time(12)),
    "afternoon": (time(12), time(17)),
    "evening": (time(17), time(0)),
}
PART_WORDS = {
    "": pgettext_lazy("part of the day", "any time"),
    "morning": pgettext_lazy("part of the day", "morning"),
    "afternoon": pgettext_lazy("part of the day", "afternoon"),
    "evening": pgettext_lazy("part of the day", "evening"),
}
NO_FREE_PART = {
    "morning": _("No free morning within %(days)d days."),
    "afternoon": _("No free afternoon within %(days)d days."),
    "evening": _("No free evening within %(days)d days."),
}
RULE_WORDS = {  # of the rules that staff may set aside
    "past": _("has begun"),
    "too_soon": _("short notice"),
    "too_far": _("far ahead"),
    "too_many": _("over the limit"),
}


@dataclass(frozen=True)
class OfferedTime:
    """A time as a button shows it. `reason`: the first rule against it, or None.

    `specialties`: those of the doctor, where another doctor of the list has the same name.
    """

    slot: Any
    reason: str | None = None
    squeeze: bool = False
    specialties: str = ""

    @property
    def places(self) -> str:
        """How many places are free, of a time that has several; "" for one place."""
        left: int = self.slot.left
        if self.slot.capacity == 1:
            return ""
        text = ngettext(
            "%(left)d of %(places)d places free", "%(left)d of %(places)d places free", left
        )
        return text % {"left": left, "places": self.slot.capacity}

    @property
    def value(self) -> str:
        """What the button sends."""
        return f"{self.slot.pk} squeeze" if self.squeeze else str(self.slot.pk)

    @property
    def start(self) -> str:
        """The start on the clock of the site."""
        return instant_text(self.slot.starts_at, self.slot.location.zone)

    @property
    def clock(self) -> str:
        """The time of day of the start on the clock of the site, such as 09:20."""
        return self.slot.starts_at.astimezone(self.slot.location.zone).strftime("%H:%M")

    @property
    def rule(self) -> str:
        """In words, the rule that the booking sets aside; "" if there is none."""
        return str(RULE_WORDS.get(self.reason or "", ""))

    @property
    def refusal(self) -> str:
        """The sentence that says why the time cannot be booked; "" if it can be."""
        return str(REFUSALS[self.reason].staff_message) if self.reason else ""

    @property
    def may_be_waived(self) -> bool:
        """Whether staff may set the rule against it aside with a reason."""
        return self.reason in WAIVABLE


@dataclass(frozen=True)
class Wish:
    """What the caller on the phone wants.

    `who`: a doctor or a specialty, as typed. `doctor`: the key of the doctor who is meant, if the
    page was opened for one. `part`: a key of PARTS, or "". `because`: why staff set rules aside.
    """

    who: str = ""
    doctor: int | None = None
    location: Location | None = None
    first: date | None = None
    part: str = ""
    because: str = ""
    shown: int = TIMES_SHOWN


@dataclass
class FreeTimes:
    """The next times that fit the wish and that this person, if one is chosen, can book.

    Its statements grow with the words typed, not with the rows. `sites`: those of the user.
    """

    wish: Wish
    user: Any
    sites: Sequence[Location]
    at: datetime
    person: Patient | None = None
    has_more: bool = field(default=False, init=False)

    @cached_property
    def times(self) -> list[OfferedTime]:
        """The times, soonest first."""
        wish = self.wish
        # Without this bound the index is read from its beginning where a reason lets times that
        # have begun be booked.
        slots = Slot.objects.filter(starts_at__gt=self.at - LONGEST)
        if self.doctors is not None:
            slots = slots.filter(doctor__in=self.doctors.order_by().values("pk"))
        if wish.location or self.user.sites is not None:
            slots = slots.filter(location__in=self._locations)
        if wish.first:
            slots = slots.between(wish.first, None, self._locations)
        context = context_for(self.person, self.at, self.sites, waive=bool(wish.because))
        rows: Any = slots.bookable_in(context)
        if wish.part:
            rows = rows.filter(pk__in=self._first_of_part(rows))
        if wish.because:
            rows = rows.explained(context_without_waiver(context))
        found = list(_as_shown(rows, self.at)[: wish.shown + 1])
        self.has_more = len(found) > wish.shown
        shown = found[: wish.shown]
        alike = _specialties_of_namesakes([row.doctor for row in shown])
        return [
            OfferedTime(row, getattr(row, "reason", None), specialties=alike.get(row.doctor_id, ""))
            for row in shown
        ]

    @property
    def is_cut(self) -> bool:
        """Whether there are more times than a list shows."""
        return self.has_more and self.wish.shown >= MOST_TIMES

    @property
    def shown_next(self) -> int:
        """How many times "More times" shows."""
        return min(self.wish.shown + TIMES_SHOWN, MOST_TIMES)

    @property
    def note(self) -> str:
        """A sentence for a list without a time."""
        if self.wish.who and not self.proposed:
            return gettext("No doctor and no specialty has this name.")
        if self.wish.part:
            return str(NO_FREE_PART[self.wish.part]) % {"days": DAYS_OF_PART}
        return gettext("No free time fits.")

    @cached_property
    def proposed(self) -> list[str]:
        """Specialties, then doctors, whom the typed text may mean, for the list under the field."""
        typed = [term.word for term in typed_terms(self.wish.who)]
        names = [name for name in self._specialties.values() if _begins_words_of(name, typed)]
        doctors = Doctor.objects.active() if self.doctors is None else self.doctors
        doctors = doctors.at_sites_of(self.user, self.at)
        rows = doctors.order_by("last_name_key", "first_name_key", "pk")
        ordered = list(rows.prefetch_related("specialties")[:MOST_NAMES])
        alike = _specialties_of_namesakes(ordered)
        shown = [", ".join(filter(None, (each.name, alike.get(each.pk)))) for each in ordered]
        return names + list(dict.fromkeys(shown))

    @cached_property
    def doctors(self) -> DoctorQuerySet | None:
        """The doctors who are meant; None for any."""
        doctors, who = Doctor.objects.active(), self.wish.who.strip()
        if self.wish.doctor is not None:
            return doctors.filter(pk=self.wish.doctor)
        if not who:
            return None
        exactly = [pk for pk, name in self._specialties.items() if fold(name) == fold(who)]
        if exactly:
            return doctors.filter(pk__in=Doctor.objects.filter(specialties__in=exactly))
        return doctors.matching(typed_terms(who))

    @cached_property
    def _specialties(self) -> dict[int, str]:
        return dict(Specialty.objects.values_list("pk", "name"))

    @property
    def _locations(self) -> Sequence[Location]:
        return [self.wish.location] if self.wish.location else self.sites

    def _first_of_part(self, slots: SlotQuerySet) -> list[int]:
        """Return the keys of the first of these slots that start in this part of a day.

        The spans of some days are asked for together, without an order, so that PostgreSQL reads
        the slots within them. In the order of time it would read the slots of all days until it has
        met enough, which is all of them where nobody works in the evening.
        """
        spans = self._spans_of_part()
        begin, last = enclosing_span(spans)
        found: list[tuple[datetime, int]] = []
        days = 1
        while begin < last and len(found) <= self.wish.shown:
            end = begin + days * A_DAY
            rows = slots.filter(self._within(spans, begin, end)).order_by()
            found += sorted(rows.values_list("starts_at", "pk"))
            begin, days = end, 2 * days
        return [pk for _, pk in found[: self.wish.shown + 1]]

    def _within(self, spans: dict[Span, list[int]], since: datetime, until: datetime) -> Q:
        """Return the condition that a slot starts in one of these spans, between two instants."""
        found = Q(pk__in=())
        for (start, end), keys in spans.items():
            first, last = max(start, since), min(end, until)
            if first < last:
                found |= Q(location__in=keys, starts_at__gte=first, starts_at__lt=last)
        return found

    def _spans_of_part(self) -> dict[Span, list[int]]:
        """Map the span of this part of each day, on the clocks of some sites, to their keys.

        Python makes the instants, so that the database converts no wall time.
        """
        begins, ends = PARTS[self.wish.part]
        by_zone: dict[str, list[int]] = defaultdict(list)
        for location in self._locations:
            by_zone[location.time_zone].append(location.pk)
        today = earliest_today(list(self._locations), self.at)
        first = max(self.wish.first or today, today)
        days = [first + number * A_DAY for number in range(DAYS_OF_PART)]
        found: dict[Span, list[int]] = defaultdict(list)
        for name, keys in by_zone.items():
            zone = ZoneInfo(name)
            for day in days:
                span = instant_of(day, begins, zone), end_instant_of(day, ends, zone)
                found[span] += keys
        return found


def _begins_words_of(name: str, typed: Iterable[str]) -> bool:
    """Whether each of the typed words begins a word of the name."""
    words = search_words(name)
    return all(any(word.startswith(each) for word in words) for each in typed)


def _as_shown(slots: SlotQuerySet, at: datetime) -> Any:
    """Return the slots soonest first, with what a button shows of each."""
    rows = slots.select_related("doctor", "location").prefetch_related("doctor__specialties")
    return rows.annotate(left=places_left(at)).order_by("starts_at", "pk")


def _specialties_of_namesakes(doctors: Iterable[Doctor]) -> dict[int, str]:
    """Map the keys of doctors of one name to their specialties, which tell them apart."""
    by_key = {doctor.pk: doctor for doctor in doctors}
    names = Counter(doctor.name for doctor in by_key.values())
    return {
        key: " ".join(sorted(each.name for each in doctor.specialties.all()))
        for key, doctor in by_key.items()
        if names[doctor.name] > 1
    }


def context_for(
    person: Patient | None, at: datetime, locations: Iterable[Location], waive: bool = False
) -> BookingContext:
    """Return the booking context of the person, or that of any patient while none is chosen.

    So what the page lists can be booked.
    """
    if person is None:
        return BookingContext(at, tuple(locations), waived=WAIVABLE if waive else frozenset())
    # A time that has begun can be booked with a reason: a visit that is over may overlap it.
    return booking_context(person, at, locations, (at - LONGEST, at), waive=waive)


def context_without_waiver(context: BookingContext) -> BookingContext:
    """Return the same context with all rules, to say which of them a booking sets aside."""
    return BookingContext(
        context.at,
        context.locations,
        context.booked,
        context.visits,
        context.at_limit,
        is_deceased=context.is_deceased,
    )


def offered(slots: SlotQuerySet, context: BookingContext) -> list[OfferedTime]:
    """Return these slots as times, each with the first reason against it in the context."""
    rows = _as_shown(slots.explained(context), context.at)
    return [OfferedTime(row, row.reason) for row in rows]
