"""The admin of weekly hours."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from doctor.admin.confirmations import (
    SlotLengthMixin,
    deletion_of_hours,
    one_visit_fact,
    removal_facts,
)
from doctor.admin.refusals import LinkedRefusalAdmin
from doctor.admin.sites import CALENDAR_CHOICES, SiteAdminMixin
from doctor.exceptions import HoursInUse
from doctor.models import Doctor, Location, Schedule, Slot, WeeklyHours
from doctor.models.hours_preview import preview_saving
from doctor.wall_time import instant_of
from extensions.admin.confirmation import ConfirmingAdmin, Question
from extensions.admin.links import list_link
from extensions.admin.past import CONFIRMED, PastAwareForm
from extensions.formats import day_text

MOST_DAYS_LISTED = 10


class WeeklyHoursForm(SlotLengthMixin, PastAwareForm):
    """Weekly hours, and `keep`: what happens to appointments outside the changed hours.

    Hours whose last day is over make no session; a first day in the past changes nothing there.
    """

    asked_fields = frozenset({"valid_until", "location"})

    keep = forms.BooleanField(
        required=False,
        label="Keep booked times",
        help_text=(
            "Appointments outside the new hours stay at their time and go to the work list. "
            "Without it such a change is refused."
        ),
    )

    def past_question(self, at: datetime) -> tuple[str, datetime] | None:
        last, location = self.instance.valid_until, self.instance.location
        if last is None or last >= location.today(at):
            return None
        over = instant_of(last + timedelta(days=1), time(), location.zone)
        return f"The last day of these hours is over: {day_text(last)}", over


@admin.register(WeeklyHours)
class WeeklyHoursAdmin(SiteAdminMixin, ConfirmingAdmin, LinkedRefusalAdmin):
    """Weekly hours. A change acts from tomorrow on; one that removes sessions is confirmed."""

    form = WeeklyHoursForm
    fields = (
        "doctor",
        "location",
        "weekday",
        ("start_time", "end_time"),
        ("slot_minutes", "capacity"),
        ("valid_from", "valid_until"),
        "every_weeks",
        CONFIRMED,
    )
    readonly_fields = ("sessions",)
    autocomplete_fields = ("doctor", "location")
    site_choices = CALENDAR_CHOICES
    list_display = ("day", "hours", "doctor", "location", "valid_from", "valid_until", "recurs")
    list_display_links = ("day", "hours")
    list_select_related = ("doctor", "location")
    list_filter = ("weekday", "location", "doctor")
    search_fields = ("doctor__last_name", "doctor__first_name", "location__name", "start_time")
    search_help_text = "Doctor, location or time (09:00), and several of them."
    deleted_by_verb = True
    deletion_note = (
        "Its sessions from tomorrow on are deleted with it, except those edited by hand. Hours "
        "with appointments cannot be deleted: first give them a last date and keep booked times."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[WeeklyHours]:
        return super().get_queryset(request).select_related("doctor", "location")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.fields, "keep", "sessions") if obj else self.fields

    @admin.display(description="weekday", ordering="weekday")
    def day(self, hours: WeeklyHours) -> str:
        return hours.get_weekday_display()

    @admin.display(description="hours at the location", ordering="start_time")
    def hours(self, hours: WeeklyHours) -> str:
        return f"{hours.start_time:%H:%M}-{hours.end_time:%H:%M}"

    @admin.display(description="every", ordering="every_weeks")
    def recurs(self, hours: WeeklyHours) -> str:
        return "week" if hours.every_weeks == 1 else f"{hours.every_weeks} weeks"

    @admin.display(description="sessions")
    def sessions(self, hours: WeeklyHours) -> SafeString:
        """Return a link to the list of the sessions generated so far."""
        return list_link(Schedule, "All sessions of these hours", weekly_hours__id__exact=hours.pk)

    def question(self, request: HttpRequest, form: Any, change: bool) -> Question | None:
        """Ask before sessions to come are removed, and before each session is one long visit."""
        facts, asked = one_visit_fact(form, change), ""
        if facts or (change and form.revised()):
            preview = preview_saving(form.instance, form.revised(), timezone.now())
            if preview.appointments and not form.cleaned_data.get("keep"):
                raise HoursInUse(appointments=preview.appointments)
            if preview.sessions_removed:
                facts, asked = [*removal_facts(preview), *facts], str(preview)
        if not facts:
            return None
        return Question("Confirm the weekly hours", asked=f"{asked} {facts}".strip(), facts=facts)

    def deletion_notes(self, rows: list[Any]) -> list[str]:
        return [deletion_of_hours(rows, timezone.now()), self.deletion_note]

    def save_model(self, request: HttpRequest, obj: WeeklyHours, form: Any, change: Any) -> None:
        """Publish or revise the hours, and warn of the days that got no session."""
        if not change:
            obj.publish()
        elif changes := form.revised():
            obj.revise(keep=form.cleaned_data.get("keep", False), **changes)
        for day, reason in obj.skipped[:MOST_DAYS_LISTED]:
            self.message_user(request, f"Left out: {day_text(day)}. {reason}", messages.WARNING)
        if len(obj.skipped) > MOST_DAYS_LISTED:
            more = f"Left out: {len(obj.skipped) - MOST_DAYS_LISTED} more days."
            self.message_user(request, more, messages.WARNING)

    def delete_model(self, request: HttpRequest, obj: WeeklyHours) -> None:
        obj.unpublish()

    def lock_rows(self, queryset: QuerySet[WeeklyHours]) -> None:
        """Lock the hours, their sessions, locations and doctors, then all slots in one statement.

        If each deletion locked its own slots, they would not be locked by ascending primary key.
        """
        rows = list(queryset.select_for_update(no_key=True, of=("self",)).order_by("pk"))
        sessions = Schedule.objects.filter(weekly_hours__in=rows).order_by("pk").only("pk")
        list(sessions.select_for_update(no_key=True))
        Location.objects.lock({hours.location_id for hours in rows})
        Doctor.objects.lock({hours.doctor_id for hours in rows})
        kept = Q(doctor__in={hours.doctor_id for hours in rows}, kept_over=True)
        Slot.objects.filter(Q(schedule__in=sessions.order_by()) | kept).lock()
