"""Leave as staff type it: times on the clocks of a location."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime

from doctor.models import Location
from doctor.wall_time import instant_of
from extensions.admin.forms import PartialUpdateForm

TIMES = {"starts": "starts_at", "ends": "ends_at"}
FIRST_YEAR, LAST_YEAR = 2000, 2100


class WallTimeField(forms.SplitDateTimeField):
    """A date and a time as a clock shows them, and not an instant before one says which clock."""

    widget = AdminSplitDateTime

    def compress(self, data_list: Any) -> datetime | None:
        if not data_list or None in data_list:
            return None
        wall = datetime.combine(*data_list)
        if not FIRST_YEAR <= wall.year <= LAST_YEAR:
            raise forms.ValidationError("Use a time from the year 2000 to the year 2100.")
        return wall


class TimeOffForm(PartialUpdateForm):
    """Leave, with the location whose clocks its times mean."""

    clock = forms.ModelChoiceField(
        Location.objects.all(),
        required=False,
        label="On the clocks of",
        help_text="Needed for the leave of a doctor; a closure is in the time of its location.",
    )
    starts = WallTimeField()
    ends = WallTimeField(help_text="The first moment that is not off: midnight for a whole day.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "starts" in self.fields:
            zone = ZoneInfo(self.instance.clock_zone)
            self.initial["clock"] = self.instance.clock_id
            for name, column in TIMES.items():
                instant = getattr(self.instance, column)
                self.initial[name] = instant.astimezone(zone).replace(tzinfo=None)

    def clean(self) -> dict[str, Any]:
        """Read the wall times by the clock; raises ValidationError where it is not clear which."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        place, clock = cleaned.get("location"), cleaned.get("clock")
        if place and clock and place.time_zone != clock.time_zone:
            self.add_error("clock", "A closure is in the time of the location that is closed.")
        elif not (place or clock):
            self.add_error("clock", "Choose the location whose clocks the times mean.")
        elif self._times_changed():
            self._read(cleaned, place or clock)
        return cleaned

    def revised(self) -> dict[str, Any]:
        """The columns that this person changed; the times where the clock is another, too."""
        times = {name: getattr(self.instance, name) for name in TIMES.values()}
        return {**super().revised(), **(times if self._times_changed() else {})}

    def _times_changed(self) -> bool:
        return not self.instance.pk or not {*TIMES, "clock", "location"}.isdisjoint(
            self.changed_data
        )

    def _read(self, cleaned: dict[str, Any], clock: Any) -> None:
        for name, column in TIMES.items():
            wall = cleaned.get(name)
            if wall:
                setattr(self.instance, column, instant_of(wall.date(), wall.time(), clock.zone))
