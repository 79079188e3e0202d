"""The admin of sessions."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from doctor.admin.confirmations import (
    SlotLengthMixin,
    deletion_of_sessions,
    one_visit_fact,
    slot_facts,
)
from doctor.admin.refusals import LinkedRefusalAdmin
from doctor.admin.sites import CALENDAR_CHOICES, SiteAdminMixin
from doctor.models import Doctor, Location, Schedule, Slot
from doctor.models.hours_preview import preview_session
from doctor.models.search import A_YEAR
from extensions.admin.columns import two_lines
from extensions.admin.confirmation import ConfirmingAdmin, Question
from extensions.admin.links import change_link, list_link
from extensions.admin.past import CONFIRMED, PastAwareForm
from extensions.formats import day_text, instant_text
from extensions.search import Term


class ScheduleForm(SlotLengthMixin, PastAwareForm):
    """A session; one that begins in the past is saved only on purpose."""

    asked_fields = frozenset({"date", "start_time", "location"})

    def past_question(self, at: datetime) -> tuple[str, datetime] | None:
        begins_at = self.instance.begins_at
        if begins_at >= at:
            return None
        when = instant_text(begins_at, self.instance.location.zone)
        return gettext("This session begins in the past: %(time)s") % {"time": when}, begins_at


class SessionPeriodFilter(admin.SimpleListFilter):
    """Show the sessions of today, of today and later, or of earlier days, at their location."""

    title = _("when")
    parameter_name = "when"
    conditions = {"today": "date", "coming": "date__gte", "past": "date__lt"}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("today", gettext("Today, at the location")),
            ("coming", gettext("Today and later")),
            ("past", gettext("Before today")),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        lookup = self.conditions.get(self.value() or "")
        if lookup is None:
            return queryset
        return queryset.filter(Location.objects.compared_with_today(lookup, timezone.now()))


@admin.register(Schedule)
class ScheduleAdmin(SiteAdminMixin, ConfirmingAdmin, LinkedRefusalAdmin):
    """Sessions. A change that would take an appointment's slot away is refused.

    One that takes free slots away is confirmed.
    """

    form = ScheduleForm
    fields = (
        "doctor",
        "location",
        "date",
        ("start_time", "end_time"),
        ("slot_minutes", "capacity"),
        "is_active",
        CONFIRMED,
    )
    readonly_fields = ("made_from", "slot_table")
    autocomplete_fields = ("doctor", "location")
    site_choices = CALENDAR_CHOICES
    list_display = ("day", "hours", "who_and_where", "places", "is_active")
    list_display_links = ("day",)
    list_select_related = ("doctor", "location")
    list_filter = (SessionPeriodFilter, "is_active", "location", "doctor")
    link_filters = ("weekly_hours__id__exact",)
    date_hierarchy = "date"
    opens_with_this_month = True
    bounding_filters = ("when", "doctor__id__exact")
    unindexed_filters = ("is_active__exact",)
    ordering = ("-date", "start_time", "pk")
    sortable_by = ("day",)
    search_fields = (
        "doctor__last_name",
        "doctor__first_name",
        "location__name",
        "date",
    )
    search_help_text = _("Doctor, location, date (2026-12-01) or time (09:00), or several of them.")
    deleted_by_verb = True
    deletion_note = _(
        "Its times are deleted with it. A session with visits cannot be deleted. A session made "
        "from weekly hours stays, inactive and without times, so that they do not make it again."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Schedule]:
        rows = super().get_queryset(request).select_related("doctor", "location")
        return rows.with_places()  # type: ignore[attr-defined]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.fields, "made_from", "slot_table") if obj else self.fields

    def more_conditions(self, term: Term, terms: Sequence[Term]) -> Q | None:
        """Find sessions by their first time, such as 09:00; without a date, those of a year."""
        if term.clock is None:
            return None
        today, most = timezone.now().date(), timedelta(days=A_YEAR)
        days = [day for each in terms for day in each.days]
        return Q(start_time=term.clock, date__range=(
            min(days, default=today - most), max(days, default=today + most)
        ))  # fmt: skip

    @admin.display(description=_("date"), ordering="date")
    def day(self, schedule: Schedule) -> str:
        return day_text(schedule.date)

    @admin.display(description=_("hours"), ordering="start_time")
    def hours(self, schedule: Schedule) -> str:
        return f"{schedule.start_time:%H:%M}-{schedule.end_time:%H:%M}"

    @admin.display(description=_("doctor and location"))
    def who_and_where(self, schedule: Schedule) -> SafeString:
        """Return the doctor, and the location on a line of its own."""
        return two_lines(schedule.doctor, schedule.location)

    @admin.display(description=_("free / places"))
    def places(self, schedule: Any) -> str:
        """Return how many places can still be booked, and how many there are."""
        return f"{schedule.available_slots} / {schedule.total_slots}"

    @admin.display(description=_("weekly hours"))
    def made_from(self, schedule: Schedule) -> SafeString | str:
        """Return a link to the session's weekly hours, with a note if they no longer change it."""
        if schedule.weekly_hours is None:
            return self.get_empty_value_display()
        link = change_link(schedule.weekly_hours)
        if not schedule.is_exception:
            return link
        text = gettext("{hours}, edited by hand: they no longer change it")
        return format_html(text, hours=link)

    @admin.display(description=_("times"))
    def slot_table(self, schedule: Schedule) -> SafeString:
        """Return an HTML table of the slots, from one query: a session may have hundreds."""
        zone = schedule.location.zone
        opened, closed = gettext("open"), gettext("closed")
        headings = (gettext("Time"), gettext("Places"), gettext("Taken"), gettext("State"))
        rows = schedule.slots.order_by("starts_at").values_list(
            "starts_at", "ends_at", "capacity", "taken", "is_open"
        )
        lines = (
            (
                f"{starts_at.astimezone(zone):%H:%M}-{ends_at.astimezone(zone):%H:%M %Z}",
                capacity,
                taken,
                opened if is_open else closed,
            )
            for starts_at, ends_at, capacity, taken, is_open in rows
        )
        line = "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>"
        return format_html(
            "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table><p>{}</p>",
            format_html_join("", "<th>{}</th>", ((each,) for each in headings)),
            format_html_join("", line, lines),
            list_link(Slot, gettext("All times of this session"), schedule__id__exact=schedule.pk),
        )

    def question(self, request: HttpRequest, form: Any, change: bool) -> Question | None:
        """Ask before free times to come are removed, and before the session is one long visit."""
        facts = one_visit_fact(form, change)
        if facts or (change and form.revised()):
            preview = preview_session(form.instance, form.revised(), timezone.now())
            facts = [*slot_facts(preview), *facts]
        if not facts:
            return None
        return Question(gettext("Confirm the session"), asked=" ".join(facts), facts=facts)

    def deletion_notes(self, rows: list[Any]) -> list[str]:
        return [deletion_of_sessions(rows, timezone.now()), str(self.deletion_note)]

    def add_row(self, request: HttpRequest, obj: Schedule) -> None:
        obj.publish()

    def delete_model(self, request: HttpRequest, obj: Schedule) -> None:
        obj.unpublish()

    def lock_rows(self, queryset: QuerySet[Schedule]) -> None:
        """Lock the sessions, their locations and doctors, then all their slots in one statement.

        If each deletion locked its own slots, they would not be locked by ascending primary key.
        """
        rows = queryset.select_for_update(no_key=True, of=("self",)).order_by("pk")
        calendars = [(session.location_id, session.doctor_id) for session in rows]
        Location.objects.lock({place for place, _ in calendars})
        Doctor.objects.lock({doctor for _, doctor in calendars})
        Slot.objects.filter(schedule__in=queryset.order_by()).lock()
