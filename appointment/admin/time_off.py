"""The admin pages of leave and closures, with a page that shows the affected visits first."""

from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.db.models import BigIntegerField, Model, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.audit.views import record_read
from accounts.privacy import sees_all_sites
from accounts.requests import signed_in_user
from appointment.admin.appointments import local_time
from appointment.admin.time_off_forms import TimeOffForm
from appointment.models import Appointment
from appointment.models.alternatives import AffectedAppointment, affected_visits
from doctor.admin.sites import SiteAdminMixin
from doctor.models import Doctor, Location, Schedule, Slot, TimeOff
from extensions.admin.confirmation import ConfirmingAdmin, Question
from extensions.admin.past import CONFIRMED as CONFIRMED_PAST
from extensions.formats import instant_text

ZONE = "location__time_zone"


class TimeOffPeriodFilter(admin.SimpleListFilter):
    """Show leave that is present or coming, or leave that has ended."""

    title = _("when")
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("coming", gettext("Now or later")), ("over", gettext("Over"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "coming":
            return queryset.filter(ends_at__gt=timezone.now())
        return queryset.filter(ends_at__lte=timezone.now()) if self.value() else queryset


@admin.register(TimeOff)
class TimeOffAdmin(SiteAdminMixin, ConfirmingAdmin):
    """Leave of doctors and closures of locations, in wall times of a location."""

    form = TimeOffForm
    confirmation_template = "appointment/time_off_preview.html"
    fields = ("doctor", "location", "clock", "starts", "ends", "reason", CONFIRMED_PAST)
    autocomplete_fields = ("doctor", "location")
    site_choices = {
        "doctor": Doctor.objects.at_sites_of,
        "location": Location.objects.at_sites_of,
    }
    list_display = ("owner", "start", "end", "reason")
    list_display_links = ("owner",)
    list_filter = (TimeOffPeriodFilter, "location", "doctor")
    list_select_related = ("doctor", "location")
    search_fields = ("doctor__last_name", "doctor__first_name", "location__name", "reason")
    search_help_text = _("Doctor, location or reason.")
    deleted_by_verb = True
    deletion_note = _(
        "Times that no other leave covers are open again, and their visits take place."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[TimeOff]:
        rows: Any = super().get_queryset(request)
        return with_clock(rows.with_names())

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the formatted times instead of inputs to those who may not change the leave."""
        if obj and not self.has_change_permission(request, obj):
            return ("doctor", "location", "start", "end", "reason")
        return self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("start", "end")

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Let the form choose a clock among the sites of the user."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if not sees_all_sites(request):
            form.clocks = Location.objects.at_sites_of(signed_in_user(request))
        return form

    # --- Preview ---

    def question(self, request: HttpRequest, form: Any, change: bool) -> Question | None:
        """Show the visits that the leave affects, if there are any, before it is saved."""
        leave = form.instance
        if change and not {*form.revised()} - {"reason"}:
            return None
        leave.full_clean()
        affected = affected_visits(leave, timezone.now(), signed_in_user(request))
        if not affected:
            return None
        record_read(Appointment, [each.appointment for each in affected], otherwise="staff")
        clock = form.cleaned_data["location"] or form.cleaned_data["clock"]
        spans = spans_by_clock(leave, [clock, *(each.appointment.location for each in affected)])
        text = gettext("%(location)s would be closed %(span)s.")
        if leave.doctor:
            text = gettext("%(doctor)s would be away %(span)s.")
        named = {"doctor": leave.doctor, "location": leave.location, "span": spans[0]}
        number = ngettext(
            "%(count)s visit would have to be moved:",
            "%(count)s visits would have to be moved:",
            len(affected),
        )
        return Question(
            title=gettext("Visits that would have to be moved"),
            asked=f"{spans[0]} {sorted(each.id for each in affected)}",
            facts=[
                text % named,
                *(gettext("That is %(span)s.") % {"span": span} for span in spans[1:]),
                number % {"count": len(affected)},
            ],
            button=gettext("Save, and put them on the work list"),
            context={
                "visits": visit_rows(affected),
                "elsewhere": bool(leave.doctor) and not sees_all_sites(request),
            },
        )

    # --- Verbs ---

    def add_row(self, request: HttpRequest, obj: TimeOff) -> None:
        obj.publish()

    def delete_model(self, request: HttpRequest, obj: TimeOff) -> None:
        obj.unpublish()

    def lock_rows(self, queryset: QuerySet[TimeOff]) -> None:
        """Lock the leave, then its locations, doctors and all slots, each in one statement."""
        leave = queryset.select_related("doctor", "location").order_by("pk")
        rows = list(leave.select_for_update(no_key=True, of=("self",)))
        Location.objects.lock({row.location_id for row in rows if row.location_id})
        Doctor.objects.lock({row.doctor_id for row in rows if row.doctor_id})
        if rows:
            reduce(or_, (row.slots(timezone.now()) for row in rows)).lock_keys()

    # --- Columns ---

    @admin.display(description=_("doctor or location"))
    def owner(self, time_off: TimeOff) -> Model | None:
        """Return the doctor who is away, or the location that is closed."""
        return time_off.doctor or time_off.location

    @admin.display(description=_("starts"), ordering="starts_at")
    def start(self, time_off: Any) -> str:
        """Return the start in the time zone that `with_clock` has added."""
        return instant_text(time_off.starts_at, ZoneInfo(time_off.clock_zone))

    @admin.display(description=_("ends"), ordering="ends_at")
    def end(self, time_off: Any) -> str:
        """Return the end in the time zone that `with_clock` has added."""
        return instant_text(time_off.ends_at, ZoneInfo(time_off.clock_zone))


def with_clock(leaves: QuerySet[TimeOff]) -> QuerySet[TimeOff]:
    """Add `clock_id` and `clock_zone`: the location whose clocks show the times, and its time zone.

    For a closure it is the closed location. For a doctor's leave it is the one of the doctor's last
    slot before the leave ends, or else of the doctor's last session. Without one `clock_id` is null
    and the time zone UTC.
    """
    sessions = Schedule.objects.filter(doctor=OuterRef("doctor")).order_by("-date", "-pk")
    slots = Slot.objects.filter(doctor=OuterRef("doctor"), starts_at__lt=OuterRef("ends_at"))
    places = (slots.order_by("-starts_at"), sessions)
    at_end, last = (Subquery(rows.values("location")[:1]) for rows in places)
    zone_at_end, last_zone = (Subquery(rows.values(ZONE)[:1]) for rows in places)
    return leaves.annotate(
        clock_id=Coalesce("location_id", at_end, last, output_field=BigIntegerField()),
        clock_zone=Coalesce(ZONE, zone_at_end, last_zone, Value("UTC")),
    )


def spans_by_clock(leave: TimeOff, locations: list[Location]) -> list[str]:
    """Return the times of the leave on the clocks of these locations, one for each time zone."""
    by_zone: dict[str, Location] = {}
    for place in locations:
        by_zone.setdefault(place.time_zone, place)
    return [_span_on(leave, place) for place in by_zone.values()]


def _span_on(leave: TimeOff, place: Location) -> str:
    start, end = (instant_text(at, place.zone) for at in (leave.starts_at, leave.ends_at))
    return gettext("from %(start)s to %(end)s, on the clock of %(location)s (%(zone)s)") % {
        "start": start,
        "end": end,
        "location": place,
        "zone": place.time_zone,
    }


def visit_rows(affected: list[AffectedAppointment]) -> list[dict[str, Any]]:
    """Return the rows of the preview's table: the visits and their alternatives as text."""
    doctors = doctors_of(affected)
    return [
        {
            "time": local_time(visit.starts_at, visit.location),
            "patient": visit.patient,
            "phone": visit.patient.phone_number if visit.patient else "",
            "doctor": visit.doctor,
            "location": visit.location,
            "alternatives": [slot_label(slot, doctors) for slot in slots],
        }
        for visit, slots in ((each.appointment, each.alternatives) for each in affected)
    ]


def doctors_of(affected: list[AffectedAppointment]) -> dict[int, Doctor]:
    """Load the doctors of all alternatives, by key, in one query."""
    return Doctor.objects.in_bulk(
        {slot["doctor"] for each in affected for slot in each.alternatives}
    )


def slot_label(slot: dict[str, Any], doctors: dict[int, Doctor], but: int | None = None) -> str:
    """Return the label of a slot, given as an API row: its start at the location, its doctor.

    `but`: the key of the doctor who is not named.
    """
    start = instant_text(datetime.fromisoformat(slot["starts_at"]), ZoneInfo(slot["time_zone"]))
    return start if slot["doctor"] == but else f"{start}, {doctors[slot['doctor']]}"
