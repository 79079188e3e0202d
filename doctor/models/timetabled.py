"""Rows of a doctor's calendar at a location, which both are locked before one is changed."""

from typing import TYPE_CHECKING, Any

from django.db import models

from doctor.models.calendar import CalendarModel
from doctor.models.directory import Location
from doctor.models.doctor import Doctor


class CalendarEntry(CalendarModel):
    """A row of one doctor at one location, either of which a change may replace."""

    if TYPE_CHECKING:
        location: Any
        location_id: int | None
        doctor_id: int | None

    class Meta:
        abstract = True

    def lock_calendar(self, **changes: Any) -> None:
        """Lock where and whose the row was and will be, all locations before all doctors.

        The row itself comes first: else it could move to another calendar while the lock of the
        one it had is waited for.
        """
        rows: models.QuerySet[Any] = type(self)._base_manager.all()
        row = rows.select_for_update(no_key=True).filter(pk=self.pk)
        before = row.values_list("location", "doctor").first()
        self.lock_parts()
        now = (self.location_id, self.doctor_id)
        after = tuple(getattr(changes.get(name), "pk", None) for name in ("location", "doctor"))
        locations, doctors = zip(*filter(None, (before, now, after)), strict=True)
        Location.objects.lock(set(locations) - {None})
        Doctor.objects.lock(set(doctors) - {None})
        if self.location_id:
            self.location.refresh_from_db()

    def lock_parts(self) -> None:
        """Lock the rows made from this one that its change may write, before the calendars."""
