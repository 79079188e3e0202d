"""The form of leave: staff type its times on the clock of a location."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from doctor.models import Location
from doctor.models.time_off import OUT_OF_RANGE
from doctor.wall_time import instant_of
from extensions.admin.dates import TypedDateTimeField
from extensions.admin.past import PastAwareForm
from extensions.formats import instant_text

COLUMNS = {"starts": "starts_at", "ends": "ends_at"}


class WallTimeField(TypedDateTimeField):
    """A date and a time without a time zone: the form adds the zone."""

    def compress(self, data_list: Any) -> datetime | None:
        if not data_list or None in data_list:
            return None
        return datetime.combine(*data_list)


class TimeOffForm(PastAwareForm):
    """Leave of a doctor or closure of a location; `clock` is the location that sets the zone."""

    typed_in = {column: name for name, column in COLUMNS.items()}
    asked_fields = frozenset({*COLUMNS, "clock", "location"})
    clocks: QuerySet[Location] | None = None  # the sites of staff who are restricted to them

    clock = forms.ModelChoiceField(
        Location.objects.all(),
        required=False,
        label=_("On the clock of"),
        help_text=_("Needed for a doctor's leave. A closure uses the clock of its location."),
    )
    starts = WallTimeField(label=_("Starts"))
    ends = WallTimeField(
        label=_("Ends"),
        help_text=_("When work resumes. For whole days, 00:00 of the day after."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.clocks is not None and "clock" in self.fields:
            self.fields["clock"].queryset = self.clocks  # type: ignore[attr-defined]
        if self.instance.pk and "starts" in self.fields:
            clock, zone = self._clock()
            self.initial["clock"] = clock
            for name, column in COLUMNS.items():
                instant = getattr(self.instance, column)
                self.initial[name] = instant.astimezone(zone).replace(tzinfo=None)

    def _clock(self) -> tuple[int | None, ZoneInfo]:
        """Return the key of the location on whose clock the times are shown, and its time zone.

        Where the user does not see that location, the first site of the user takes its place.
        """
        if self.clocks is not None and not self.clocks.filter(pk=self.instance.clock_id).exists():
            for site in self.clocks[:1]:
                return site.pk, site.zone
        return self.instance.clock_id, ZoneInfo(self.instance.clock_zone)

    def clean(self) -> dict[str, Any]:
        """Convert the wall times to instants.

        Raises ValidationError without a location to take the time zone from, and for a closure
        on the clock of another time zone.
        """
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        location, clock = cleaned.get("location"), cleaned.get("clock")
        if location and clock and location.time_zone != clock.time_zone:
            self.add_error(
                "clock", gettext("A closure is in the time of the location that is closed.")
            )
        elif not (location or clock):
            self.add_error(
                "clock", gettext("Choose the location on whose clock you typed the times.")
            )
        elif self._times_changed():
            self._set_instants(cleaned, location or clock)
        return cleaned

    def revised(self) -> dict[str, Any]:
        """Return the changed columns; both times, too, where the clock changed."""
        times = {name: getattr(self.instance, name) for name in COLUMNS.values()}
        return {**super().revised(), **(times if self._times_changed() else {})}

    def _times_changed(self) -> bool:
        return not self.instance.pk or not self.asked_fields.isdisjoint(self.changed_data)

    def past_question(self, at: datetime) -> tuple[str, datetime] | None:
        ends_at = self.instance.ends_at
        if ends_at is None or ends_at > at:
            return None
        when = instant_text(ends_at, ZoneInfo(self.instance.clock_zone))
        return gettext("This leave is over: it ended on %(time)s") % {"time": when}, ends_at

    def _set_instants(self, cleaned: dict[str, Any], clock: Any) -> None:
        self.instance.clock_zone = clock.time_zone
        for name, column in COLUMNS.items():
            wall = cleaned.get(name)
            if wall:
                try:
                    instant = instant_of(wall.date(), wall.time(), clock.zone)
                except OverflowError:  # of the years 1 and 9999
                    self.add_error(name, OUT_OF_RANGE)
                else:
                    setattr(self.instance, column, instant)
