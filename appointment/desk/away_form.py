"""What the user types to enter leave: who is away, from when to when, and why."""

from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from appointment.desk.reasons import LEAVE_REASONS, reason_text
from doctor.models import Doctor, Location, TimeOff
from doctor.models.time_off import OUT_OF_RANGE
from doctor.wall_time import MIDNIGHT, Span, end_instant_of, instant_of
from extensions.rest.converters import IdConverter

REST, TODAY, DATES = "rest", "today", "dates"
SPANS = {REST: _("Rest of today"), TODAY: _("Today"), DATES: _("These days")}
DOCTOR, SITE = "doctor", "site"  # the first word of `who`, before the key
OVER = _("This time is over.")
NO_FIRST_DAY = _("Choose the first day.")
CHOOSE = _("Choose the doctor who is away, or the site that is closed.")
A_DAY_ANYWHERE = timedelta(hours=36)  # within it lies the rest of today, whatever the zone


class AwayForm(forms.Form):
    """Who is away, and the days and reason. `site` is the location on whose clock the times are.

    A closure is on the clock of the site that is closed, and today is on that of the site where the
    doctor is. `who` is such as doctor-12 or site-3.
    """

    who = forms.RegexField(
        rf"\A({DOCTOR}|{SITE})-({IdConverter.regex})\Z",
        error_messages={"required": CHOOSE, "invalid": CHOOSE},
    )
    first = forms.DateField(required=False)
    first_time = forms.TimeField(required=False)
    last = forms.DateField(required=False)
    last_time = forms.TimeField(required=False)
    why = forms.ChoiceField(choices=[(name, name) for name in LEAVE_REASONS], required=False)
    reason = forms.CharField(max_length=400, required=False)

    def __init__(
        self, data: Any, user: Any, site: Location, sites: list[Location], at: datetime
    ) -> None:
        super().__init__(data)
        self.user, self.sites, self.at = user, {each.pk: each for each in sites}, at
        self.clock = site

    def clean_who(self) -> str:
        """Read the doctor or the site; raises ValidationError for one that the user does not see.

        Sets `doctor`, `location` and `clock`.
        """
        who: str = self.cleaned_data["who"]
        kind, key = who.split("-")
        self.doctor = self.location = None
        if kind == DOCTOR:
            self.doctor = Doctor.objects.at_sites_of(self.user).filter(pk=key).first()
        elif int(key) in self.sites:
            self.location = self.clock = self.sites[int(key)]
        if not (self.doctor or self.location):
            raise ValidationError(CHOOSE)
        return who

    def clock_of(self, span: str) -> Location:
        """Return the site on whose clock the times of this span are; the form is valid."""
        return self.clock if span == DATES else self._site_of_today

    @cached_property
    def _site_of_today(self) -> Location:
        """The site where the doctor has times left today; `clock` if it is one, or without any."""
        if self.doctor is None:
            return self.clock
        left = self.doctor.slots.coming(self.at).filter(starts_at__lt=self.at + A_DAY_ANYWHERE)
        times = left.filter(location__in=self.sites).order_by("starts_at", "pk")
        found = [
            site
            for key, start in times.values_list("location", "starts_at")
            if start.astimezone((site := self.sites[key]).zone).date() == site.today(self.at)
        ]
        return found[0] if found and self.clock not in found else self.clock

    def leave(self, span: str) -> TimeOff:
        """Return the leave, not saved; the form is valid. Raises ValidationError.

        For times that are over, without a first day, and as the model.
        """
        starts_at, ends_at = self._times(span)
        leave = TimeOff(doctor=self.doctor, location=self.location, reason=self._reason())
        leave.starts_at, leave.ends_at = starts_at, ends_at
        leave.full_clean()
        refuse_past(leave, self.at)
        return leave

    def _times(self, span: str) -> Span:
        """Return the start and the end of the leave, on the clock of the site."""
        clock = self.clock_of(span)
        if span == REST:
            return rest_of_today(clock, self.at)
        today = clock.today(self.at)
        if span == TODAY:
            return span_of_days(today, today, clock)
        first: date | None = self.cleaned_data["first"]
        if span != DATES or first is None:
            raise ValidationError(NO_FIRST_DAY)
        last = self.cleaned_data["last"] or first
        starts, ends = (self.cleaned_data[name] for name in ("first_time", "last_time"))
        return span_of_days(first, last, clock, starts or MIDNIGHT, ends or MIDNIGHT)

    def _reason(self) -> str:
        """Return the chosen reason and what was typed."""
        return reason_text(self.cleaned_data["why"], self.cleaned_data["reason"].strip())


def rest_of_today(clock: Location, at: datetime) -> Span:
    """Return the span from this minute to the end of the day at the site."""
    start = at.replace(second=0, microsecond=0)
    return start, end_instant_of(clock.today(at), MIDNIGHT, clock.zone)


def span_of_days(
    first: date, last: date, clock: Location, starts: time = MIDNIGHT, ends: time = MIDNIGHT
) -> Span:
    """Return the span of these days on the clock of the site, whole days unless times are given.

    Raises ValidationError for the years 1 and 9999.
    """
    try:
        return instant_of(first, starts, clock.zone), end_instant_of(last, ends, clock.zone)
    except OverflowError as error:
        raise ValidationError(OUT_OF_RANGE) from error


def refuse_past(leave: TimeOff, at: datetime) -> None:
    """Raise ValidationError for leave that is over."""
    if leave.ends_at <= at:
        raise ValidationError(OVER)
