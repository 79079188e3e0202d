"""The admin of weekly hours."""

from copy import copy
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from doctor.admin.confirmations import (
    SlotLengthMixin,
    deletion_of_hours,
    one_visit_fact,
    removal_facts,
    version_fact,
)
from doctor.admin.refusals import LinkedRefusalAdmin
from doctor.admin.sites import CALENDAR_CHOICES, SiteAdminMixin
from doctor.exceptions import HoursInUse
from doctor.models import Schedule, WeeklyHours
from doctor.models.hours_preview import HoursPreview, preview_change
from doctor.wall_time import instant_of
from extensions.admin.columns import two_lines
from extensions.admin.confirmation import ConfirmingAdmin, Question
from extensions.admin.dates import TypedDateField
from extensions.admin.links import change_link, list_link
from extensions.admin.past import CONFIRMED, PastAwareForm
from extensions.formats import date_text, day_text

MOST_DAYS_LISTED = 10
FIRST_DATE_STAYS: Any = _(
    "Leave this date as it was: the new hours begin on the date under “Only from a date on”."
)


class WeeklyHoursForm(SlotLengthMixin, PastAwareForm):
    """Weekly hours, and what a change of them does.

    `first`: the date from which new hours with the changed values take over; empty changes the
    hours themselves. `keep`: appointments outside the changed hours stay. Hours whose last day is
    over make no session; a first day in the past changes nothing there.
    """

    typed_in = {"from": "first"}
    asked_fields = frozenset({"valid_until", "location"})

    first = TypedDateField(
        required=False,
        label=_("Only from a date on"),
        help_text=_(
            "Empty: the change is for all days from tomorrow on. With a date, these hours end "
            "the day before it, and new hours with what you change begin."
        ),
    )

    keep = forms.BooleanField(
        required=False,
        label=_("Keep booked times"),
        help_text=_(
            "Visits outside the new hours stay at their time and go to the work list. "
            "Without it such a change is refused."
        ),
    )

    def past_question(self, at: datetime) -> tuple[str, datetime] | None:
        last, location = self.instance.valid_until, self.instance.location
        if last is None or last >= location.today(at):
            return None
        over = instant_of(last + timedelta(days=1), time(), location.zone)
        text = gettext("The last day of these hours is over: %(day)s")
        return text % {"day": day_text(last)}, over

    def clean(self) -> dict[str, Any]:
        """Raise ValidationError for a changed first date beside that of a new version."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("first") and "valid_from" in self.changed_data:
            self.add_error("valid_from", FIRST_DATE_STAYS)
        return cleaned

    def save_by_verb(self, hours: WeeklyHours, keep: bool) -> WeeklyHours:
        """Publish new hours, revise stored ones or add their version; return what was saved."""
        if not hours.pk:
            hours.publish()
        elif first := self.cleaned_data.get("first"):
            return hours.add_version(first, keep=keep, **self.revised())
        elif changes := self.revised():
            hours.revise(keep=keep, **changes)
        return hours

    def preview(self, at: datetime) -> HoursPreview:
        """Return what saving would do, and save nothing; raises what saving raises."""
        hours = self.instance
        return preview_change(hours.pk, lambda keep: self.save_by_verb(copy(hours), keep), at)


@admin.register(WeeklyHours)
class WeeklyHoursAdmin(SiteAdminMixin, ConfirmingAdmin, LinkedRefusalAdmin):
    """Weekly hours. A change acts from tomorrow on, or in new hours from a date on.

    One that removes sessions is confirmed.
    """

    form = WeeklyHoursForm
    adding_fields = ("first",)  # new hours, from a date on
    fields = (
        "doctor",
        "location",
        "weekday",
        ("start_time", "end_time"),
        ("slot_minutes", "capacity"),
        ("valid_from", "valid_until"),
        ("every_weeks", "external_id"),
        CONFIRMED,
    )
    readonly_fields = ("sessions",)
    autocomplete_fields = ("doctor", "location")
    site_choices = CALENDAR_CHOICES
    list_display = ("day", "hours", "who_and_where", "valid")
    list_display_links = ("day",)
    list_select_related = ("doctor", "location")
    list_filter = ("weekday", "location", "doctor")
    search_fields = ("doctor__last_name", "doctor__first_name", "location__name", "start_time")
    search_help_text = _("Doctor, location or time (09:00), or several of them.")
    deleted_by_verb = True
    deletion_note = _(
        "Its sessions from tomorrow on are deleted with it, except those edited by hand. Hours "
        "with visits cannot be deleted: first give them a last date and keep booked times."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[WeeklyHours]:
        return super().get_queryset(request).select_related("doctor", "location")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if not obj:
            return self.fields
        if not self.has_change_permission(request, obj):
            return (*(name for name in self.fields if name != CONFIRMED), "sessions")
        return (*self.fields, *self._version_fields(request, obj), "keep", "sessions")

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Leave out `first`, which a form class has anyway, where the page does not show it."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if self._version_fields(request, obj):
            return form
        return type(form.__name__, (form,), {"first": None})

    def _version_fields(self, request: HttpRequest, obj: Any) -> tuple[str, ...]:
        """Return `first` for stored hours, to those who may also add hours."""
        may_add = self.has_add_permission(request) and self.has_change_permission(request, obj)
        return ("first",) if obj and may_add else ()

    @admin.display(description=_("weekday"), ordering="weekday")
    def day(self, hours: WeeklyHours) -> str:
        return hours.get_weekday_display()

    @admin.display(description=_("hours"), ordering="start_time")
    def hours(self, hours: WeeklyHours) -> str:
        return f"{hours.start_time:%H:%M}-{hours.end_time:%H:%M}"

    @admin.display(description=_("doctor and location"))
    def who_and_where(self, hours: WeeklyHours) -> SafeString:
        """Return the doctor, and the location on a line of its own."""
        return two_lines(hours.doctor, hours.location)

    @admin.display(description=_("valid"), ordering="valid_from")
    def valid(self, hours: WeeklyHours) -> SafeString:
        """Return the first date and, if there is one, the last, and how often they recur."""
        text = (
            gettext("from %(first)s to %(last)s")
            if hours.valid_until
            else gettext("from %(first)s")
        )
        last = date_text(hours.valid_until) if hours.valid_until else ""
        weeks = gettext("every %(count)s weeks") if hours.every_weeks > 1 else ""
        return two_lines(
            text % {"first": date_text(hours.valid_from), "last": last},
            weeks % {"count": hours.every_weeks},
        )

    @admin.display(description=_("sessions"))
    def sessions(self, hours: WeeklyHours) -> SafeString:
        """Return a link to the list of the sessions generated so far."""
        return list_link(
            Schedule, gettext("All sessions of these hours"), weekly_hours__id__exact=hours.pk
        )

    def question(self, request: HttpRequest, form: Any, change: bool) -> Question | None:
        """Ask before sessions to come are removed, and before each session is one long visit."""
        facts, asked = one_visit_fact(form, change), ""
        first = form.cleaned_data.get("first")
        if facts or first or (change and form.revised()):
            preview = form.preview(timezone.now())
            if preview.appointments and not form.cleaned_data.get("keep"):
                raise HoursInUse(appointments=preview.appointments)
            if preview.sessions_removed:
                facts, asked = [*removal_facts(preview), *facts], str(preview)
        if not facts:
            return None
        facts = [version_fact(first), *facts] if first else facts
        return Question(
            gettext("Confirm the weekly hours"), asked=f"{asked} {facts}".strip(), facts=facts
        )

    def deletion_notes(self, rows: list[Any]) -> list[str]:
        return [deletion_of_hours(rows, timezone.now()), str(self.deletion_note)]

    def save_model(self, request: HttpRequest, obj: WeeklyHours, form: Any, change: Any) -> None:
        """Save by the verb; name the new version, and warn of the days that got no session."""
        saved = form.save_by_verb(obj, form.cleaned_data.get("keep", False))
        if saved is not obj:
            self.log_addition(request, saved, [{"added": {}}])
            text = gettext("From {day} on: {hours}.")
            named = {"day": day_text(saved.valid_from), "hours": change_link(saved)}
            self.message_user(request, format_html(text, **named), messages.SUCCESS)
        for day, reason in saved.skipped[:MOST_DAYS_LISTED]:
            left_out = gettext("Left out: %(day)s. %(reason)s")
            named = {"day": day_text(day), "reason": reason}
            self.message_user(request, left_out % named, messages.WARNING)
        if len(saved.skipped) > MOST_DAYS_LISTED:
            count = len(saved.skipped) - MOST_DAYS_LISTED
            more = ngettext(
                "Left out: %(count)s more days.", "Left out: %(count)s more days.", count
            )
            self.message_user(request, more % {"count": count}, messages.WARNING)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """Return what the log says of these hours: of new ones from a date on, that they begin."""
        first = form.cleaned_data.get("first")
        if first:
            return version_fact(first)
        return super().construct_change_message(request, form, formsets, add)

    def delete_model(self, request: HttpRequest, obj: WeeklyHours) -> None:
        obj.unpublish()

    def lock_rows(self, queryset: QuerySet[Any]) -> None:
        """Lock all that the deletions lock, the slots in one statement."""
        rows: Any = queryset  # of the model's own class
        rows.lock_calendars()
