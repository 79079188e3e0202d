"""What the user types to enter leave: who is away, from when to when, and why."""

from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from appointment.desk.reasons import reason_text
from doctor.models import Doctor, Location, TimeOff
from doctor.models.time_off import OUT_OF_RANGE
from doctor.wall_time import MIDNIGHT, end_instant_of, instant_of
from extensions.rest.converters import IdConverter

REST, TODAY, DATES = "rest", "today", "dates"
SPANS = {REST: "Rest of today", TODAY: "Today", DATES: "These days"}
REASONS = ("Ill", "Holiday", "Training", "Meeting", "Public holiday", "Other")
CANCEL_REASONS = ("Doctor ill", "Doctor away", "Site closed", "Other")  # of the visits it hits
DOCTOR, SITE = "doctor", "site"  # the first word of `who`, before the key
OVER = "This time is over."
CHOOSE = "Choose the doctor who is away, or the site that is closed."
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
    why = forms.ChoiceField(choices=[(name, name) for name in REASONS], required=False)
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
        if ends_at <= self.at:
            raise ValidationError(OVER)
        return leave

    def _times(self, span: str) -> tuple[datetime, datetime]:
        """Return the start and the end of the leave, on the clock of the site."""
        clock = self.clock_of(span)
        zone, today = clock.zone, clock.today(self.at)
        if span == REST:
            start = self.at.replace(second=0, microsecond=0)
            return start, end_instant_of(today, MIDNIGHT, zone)
        if span == TODAY:
            return instant_of(today, time(), zone), end_instant_of(today, MIDNIGHT, zone)
        first: date | None = self.cleaned_data["first"]
        if span != DATES or first is None:
            raise ValidationError("Choose the first day.")
        last = self.cleaned_data["last"] or first
        try:
            start = instant_of(first, self.cleaned_data["first_time"] or time(), zone)
            return start, end_instant_of(last, self.cleaned_data["last_time"] or MIDNIGHT, zone)
        except OverflowError as error:  # of the years 1 and 9999
            raise ValidationError(OUT_OF_RANGE) from error

    def _reason(self) -> str:
        """Return the chosen reason and what was typed."""
        return reason_text(self.cleaned_data["why"], self.cleaned_data["reason"].strip())
