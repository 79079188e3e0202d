"""Leave and closures: what they would hit is shown before they are saved."""

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
from appointment.admin.appointments import at_location
from appointment.admin.leave_forms import TimeOffForm
from appointment.models import Appointment
from appointment.models.alternatives import AffectedAppointment, with_alternatives
from doctor.models import Doctor, Location, Schedule, TimeOff
from extensions.admin.actions import DomainActionAdmin

SEEN = "_seen"
NOT_SENT_AGAIN = (SEEN, "csrfmiddlewaretoken")
CLOCK = "location__time_zone"


class WhenAwayFilter(admin.SimpleListFilter):
    """What is to come or under way, and what is over."""

    title = "when"
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("coming", "Now or to come"), ("over", "Over")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "coming":
            return queryset.filter(ends_at__gt=timezone.now())
        return queryset.filter(ends_at__lte=timezone.now()) if self.value() else queryset


@admin.register(TimeOff)
class TimeOffAdmin(DomainActionAdmin):
    """Leave of doctors and closures of locations, typed as the clocks of a location show it."""

    form = TimeOffForm
    fields = ("doctor", "location", "clock", "starts", "ends", "reason")
    autocomplete_fields = ("doctor", "location")
    list_display = ("whose", "start", "end", "reason")
    list_display_links = ("whose",)
    list_filter = (WhenAwayFilter, "location", "doctor")
    list_select_related = ("doctor", "location")
    search_fields = ("doctor__last_name", "doctor__first_name", "location__name", "reason")
    search_help_text = "Doctor, location or reason."
    deleted_by_verb = True
    deletion_note = "What no other leave covers is open again, and its visits take place."

    def get_queryset(self, request: HttpRequest) -> QuerySet[TimeOff]:
        rows: Any = super().get_queryset(request)
        return with_clock(rows.with_names())

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """To look at, the times on the clocks there."""
        if obj and not self.has_change_permission(request, obj):
            return ("doctor", "location", "start", "end", "reason")
        return self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("start", "end")

    # --- Before it is saved ---

    def _changeform_view(
        self, request: HttpRequest, object_id: Any, form_url: str, extra_context: Any
    ) -> HttpResponse:
        """The form, but between it and saving it a page with the visits that it would hit."""
        if request.method == "POST" and SEEN not in request.POST:
            page = self._preview(request, object_id)
            if page is not None:
                return page
        return super()._changeform_view(  # type: ignore[misc]
            request, object_id, form_url, extra_context
        )

    def _preview(self, request: HttpRequest, object_id: Any) -> HttpResponse | None:
        """The page; None where nothing is hit, where the form is wrong or is not theirs to send."""
        row = self.get_object(request, object_id) if object_id else None
        may = self.has_change_permission(request, row) if row else self.has_add_permission(request)
        if not may or (object_id and row is None):
            return None
        form = self.get_form(request, row, change=bool(row))(request.POST, instance=row)
        if not form.is_valid() or (row and not {*form.revised()} - {"reason"}):
            return None
        try:
            form.instance.full_clean()
        except ValidationError:
            return None  # the verb says the same, and the form is shown with it
        hits = self._hits(form.instance)
        return self._page(request, form, hits) if hits else None

    def _hits(self, time_off: TimeOff) -> list[AffectedAppointment]:
        at = timezone.now()
        visits = Appointment.objects.affected_by(time_off, at).with_names()
        return with_alternatives(visits.order_by("starts_at", "pk"), at, planned_leave=time_off)

    def _page(
        self, request: HttpRequest, form: Any, hits: list[AffectedAppointment]
    ) -> HttpResponse:
        leave = form.instance
        record_read(Appointment, [hit.appointment for hit in hits], otherwise="staff")
        zone = (form.cleaned_data["location"] or form.cleaned_data["clock"]).zone
        sent = (
            (name, value)
            for name, values in request.POST.lists()
            for value in values
            if name not in NOT_SENT_AGAIN
        )
        context = {
            **self.admin_site.each_context(request),
            "title": "Visits that this would hit",
            "opts": self.opts,
            "whose": leave.doctor or leave.location,
            "span": f"from {_on(leave.starts_at, zone)} to {_on(leave.ends_at, zone)}",
            "hits": lines_of(hits),
            "sent": list(sent),
        }
        return TemplateResponse(request, "appointment/time_off_preview.html", context)

    # --- Verbs ---

    def add_row(self, request: HttpRequest, obj: TimeOff) -> None:
        obj.publish()

    def delete_model(self, request: HttpRequest, obj: TimeOff) -> None:
        obj.unpublish()

    def lock_rows(self, queryset: QuerySet[TimeOff]) -> None:
        """Lock the leave itself first, as its verbs do, and all slots in one statement."""
        leave = queryset.select_related("doctor", "location").order_by("pk")
        rows = list(leave.select_for_update(no_key=True, of=("self",)))
        Location.objects.lock({row.location_id for row in rows if row.location_id})
        Doctor.objects.lock({row.doctor_id for row in rows if row.doctor_id})
        if rows:
            reduce(or_, (row.slots(timezone.now()) for row in rows)).lock_keys()

    # --- Columns ---

    @admin.display(description="doctor or location")
    def whose(self, time_off: TimeOff) -> Model | None:
        return time_off.doctor or time_off.location

    @admin.display(description="starts", ordering="starts_at")
    def start(self, time_off: Any) -> str:
        return _on(time_off.starts_at, ZoneInfo(time_off.clock_zone))

    @admin.display(description="ends", ordering="ends_at")
    def end(self, time_off: Any) -> str:
        return _on(time_off.ends_at, ZoneInfo(time_off.clock_zone))


def with_clock(rows: QuerySet[TimeOff]) -> QuerySet[TimeOff]:
    """Add `clock_id` and `clock_zone`: the location whose clocks show the times, and its time zone.

    For a closure it is the closed location, for a doctor's leave the location of the doctor's last
    session. Without one `clock_id` is null and the time zone UTC.
    """
    sessions = Schedule.objects.filter(doctor=OuterRef("doctor")).order_by("-date", "-pk")
    last, zone = (sessions.values(column)[:1] for column in ("location", CLOCK))
    return rows.annotate(
        clock_id=Coalesce("location_id", Subquery(last), output_field=BigIntegerField()),
        clock_zone=Coalesce(CLOCK, Subquery(zone), Value("UTC")),
    )


def _on(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%a %d %b %Y %H:%M %Z}"


def lines_of(hits: list[AffectedAppointment]) -> list[dict[str, Any]]:
    """What a page tells of visits and where they could be moved, as the clocks there show it."""
    doctors = Doctor.objects.in_bulk({slot["doctor"] for hit in hits for slot in hit.alternatives})
    return [
        {
            "time": at_location(visit.starts_at, visit.location),
            "patient": visit.patient,
            "phone": visit.patient.phone_number if visit.patient else "",
            "doctor": visit.doctor,
            "location": visit.location,
            "times": "; ".join(in_words(slot, doctors[slot["doctor"]]) for slot in free) or "-",
        }
        for visit, free in ((hit.appointment, hit.alternatives) for hit in hits)
    ]


def in_words(slot: dict[str, Any], doctor: Doctor) -> str:
    """A slot that the API would list, in one line."""
    starts_at = datetime.fromisoformat(slot["starts_at"])
    return f"{_on(starts_at, ZoneInfo(slot['time_zone']))}, {doctor}"
