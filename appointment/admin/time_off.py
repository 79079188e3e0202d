"""The admin pages of leave and closures, with a page that shows the affected visits first."""

from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import BigIntegerField, Model, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.audit.views import record_read
from appointment.admin.appointments import local_time
from appointment.admin.time_off_forms import TimeOffForm
from appointment.models import Appointment
from appointment.models.alternatives import AffectedAppointment, affected_visits
from doctor.models import Doctor, Location, Schedule, TimeOff
from extensions.admin.actions import DomainActionAdmin
from extensions.admin.past import CONFIRMED as CONFIRMED_PAST
from extensions.formats import instant_text

CONFIRMED = "_confirmed"  # sent by the button of the page that shows the affected visits
NOT_RESENT = (CONFIRMED, "csrfmiddlewaretoken")  # that page adds its own
ZONE = "location__time_zone"


class TimeOffPeriodFilter(admin.SimpleListFilter):
    """Show leave that is present or coming, or leave that has ended."""

    title = "when"
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("coming", "Now or later"), ("over", "Over")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "coming":
            return queryset.filter(ends_at__gt=timezone.now())
        return queryset.filter(ends_at__lte=timezone.now()) if self.value() else queryset


@admin.register(TimeOff)
class TimeOffAdmin(DomainActionAdmin):
    """Leave of doctors and closures of locations, in wall times of a location."""

    form = TimeOffForm
    fields = ("doctor", "location", "clock", "starts", "ends", "reason", CONFIRMED_PAST)
    autocomplete_fields = ("doctor", "location")
    list_display = ("owner", "start", "end", "reason")
    list_display_links = ("owner",)
    list_filter = (TimeOffPeriodFilter, "location", "doctor")
    list_select_related = ("doctor", "location")
    search_fields = ("doctor__last_name", "doctor__first_name", "location__name", "reason")
    search_help_text = "Doctor, location or reason."
    deleted_by_verb = True
    deletion_note = "Times that no other leave covers are open again, and their visits take place."

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

    # --- Preview ---

    def _changeform_view(
        self, request: HttpRequest, object_id: Any, form_url: str, extra_context: Any
    ) -> HttpResponse:
        """Show the affected visits before the form is saved, unless staff have confirmed them."""
        if request.method == "POST" and CONFIRMED not in request.POST:
            page = self._preview(request, object_id)
            if page is not None:
                return page
        return super()._changeform_view(  # type: ignore[misc]
            request, object_id, form_url, extra_context
        )

    def _preview(self, request: HttpRequest, object_id: Any) -> HttpResponse | None:
        """Return the page of affected visits.

        None where there are none, the form is invalid, or the user may not save it.
        """
        row = self.get_object(request, object_id) if object_id else None
        allowed = (
            self.has_change_permission(request, row) if row else self.has_add_permission(request)
        )
        if not allowed or (object_id and row is None):
            return None
        form = self.get_form(request, row, change=bool(row))(request.POST, instance=row)
        if not form.is_valid() or (row and not {*form.revised()} - {"reason"}):
            return None
        try:
            form.instance.full_clean()
        except ValidationError:
            return None  # saving raises the same error, and the form then shows it
        affected = affected_visits(form.instance, timezone.now())
        return self._preview_page(request, form, affected) if affected else None

    def _preview_page(
        self, request: HttpRequest, form: Any, affected: list[AffectedAppointment]
    ) -> HttpResponse:
        """Return the page of affected visits, whose hidden fields send the typed form again."""
        leave = form.instance
        record_read(Appointment, [each.appointment for each in affected], otherwise="staff")
        zone = (form.cleaned_data["location"] or form.cleaned_data["clock"]).zone
        start, end = (instant_text(at, zone) for at in (leave.starts_at, leave.ends_at))
        hidden_fields = [
            (name, value)
            for name, values in request.POST.lists()
            for value in values
            if name not in NOT_RESENT
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": "Visits that would have to be moved",
            "opts": self.opts,
            "owner": leave.doctor or leave.location,
            "span": f"from {start} to {end}",
            "visits": visit_rows(affected),
            "hidden_fields": hidden_fields,
        }
        return TemplateResponse(request, "appointment/time_off_preview.html", context)

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

    @admin.display(description="doctor or location")
    def owner(self, time_off: TimeOff) -> Model | None:
        """Return the doctor who is away, or the location that is closed."""
        return time_off.doctor or time_off.location

    @admin.display(description="starts", ordering="starts_at")
    def start(self, time_off: Any) -> str:
        """Return the start in the time zone that `with_clock` has added."""
        return instant_text(time_off.starts_at, ZoneInfo(time_off.clock_zone))

    @admin.display(description="ends", ordering="ends_at")
    def end(self, time_off: Any) -> str:
        """Return the end in the time zone that `with_clock` has added."""
        return instant_text(time_off.ends_at, ZoneInfo(time_off.clock_zone))


def with_clock(rows: QuerySet[TimeOff]) -> QuerySet[TimeOff]:
    """Add `clock_id` and `clock_zone`: the location whose clocks show the times, and its time zone.

    For a closure it is the closed location, for a doctor's leave the location of the doctor's last
    session. Without one `clock_id` is null and the time zone UTC.
    """
    sessions = Schedule.objects.filter(doctor=OuterRef("doctor")).order_by("-date", "-pk")
    last, zone = (sessions.values(column)[:1] for column in ("location", ZONE))
    return rows.annotate(
        clock_id=Coalesce("location_id", Subquery(last), output_field=BigIntegerField()),
        clock_zone=Coalesce(ZONE, Subquery(zone), Value("UTC")),
    )


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
            "alternatives": "; ".join(slot_label(slot, doctors) for slot in slots) or "-",
        }
        for visit, slots in ((each.appointment, each.alternatives) for each in affected)
    ]


def doctors_of(affected: list[AffectedAppointment]) -> dict[int, Doctor]:
    """Load the doctors of all alternatives, by key, in one query."""
    return Doctor.objects.in_bulk(
        {slot["doctor"] for each in affected for slot in each.alternatives}
    )


def slot_label(slot: dict[str, Any], doctors: dict[int, Doctor]) -> str:
    """Return the label of a slot, given as an API row: its start at the location, its doctor."""
    starts_at, doctor = datetime.fromisoformat(slot["starts_at"]), doctors[slot["doctor"]]
    return f"{instant_text(starts_at, ZoneInfo(slot['time_zone']))}, {doctor}"
