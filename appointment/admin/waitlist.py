"""The waitlist at the reception: who waits for what, and what they have been offered."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.audit.admin import AuditedAdminMixin
from appointment.admin.appointments import at_location
from appointment.models import Appointment, Offer, WaitlistEntry, WaitlistStatus
from appointment.models.erasure import lock_entries
from appointment.models.offer import with_state
from extensions.admin.actions import DomainActionAdmin
from extensions.admin.base import ReadOnlyAdmin
from extensions.admin.forms import PartialUpdateForm
from extensions.exceptions import DomainError

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class WaitForm(PartialUpdateForm):
    """What somebody is to wait for, with a box for each weekday."""

    weekdays = forms.TypedMultipleChoiceField(
        choices=tuple(enumerate(DAYS)),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None is any day.",
    )

    def clean(self) -> Any:
        cleaned = super().clean()
        self.instance.weekday_bits = sum(1 << day for day in self.cleaned_data.get("weekdays", ()))
        return cleaned


class StateFilter(admin.SimpleListFilter):
    """Where an entry stands now, whatever has been written down of it."""

    title = "status"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return WaitlistStatus.choices

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(state=self.value()) if self.value() else queryset


@admin.register(WaitlistEntry)
class WaitlistEntryAdmin(AuditedAdminMixin, DomainActionAdmin):
    """Who waits: adding one joins the line at its end, deleting one leaves it."""

    form = WaitForm
    wish = ("patient", "doctor", "specialty", "first_date", "last_date")
    hours = ("start_time", "end_time")
    fields = (*wish, "days", *hours, "status_now", "position", "offer", "created_at")
    autocomplete_fields = ("patient", "doctor", "specialty")
    list_display = (
        "patient",
        "doctor",
        "specialty",
        "first_date",
        "last_date",
        "days",
        "status_now",
        "position",
        "offer",
    )
    list_filter = (StateFilter, "specialty", "doctor")
    ordering = ("pk",)
    search_fields = (
        "id__exact",
        "patient__last_name",
        "patient__first_name",
        "patient__phone_number",
        "doctor__last_name",
        "specialty__name",
    )
    search_help_text = "Number, patient, phone number, doctor or specialty."
    deleted_by_verb = True
    deletion_note = "A place that has been offered goes to the next in line."

    def get_queryset(self, request: HttpRequest) -> QuerySet[WaitlistEntry]:
        rows: Any = super().get_queryset(request)
        entries: QuerySet[WaitlistEntry] = with_state(rows, timezone.now())
        return entries

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else (*self.wish, "weekdays", *self.hours)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes what somebody waits for: that would change the order of the line."""
        return False

    # --- Verbs ---

    def add_row(self, request: HttpRequest, obj: WaitlistEntry) -> None:
        obj.join()

    def delete_model(self, request: HttpRequest, obj: WaitlistEntry) -> None:
        obj.leave()

    def lock_rows(self, queryset: QuerySet[WaitlistEntry]) -> None:
        lock_entries([row.pk for row in queryset])

    def error_message(self, error: DomainError) -> str:
        """With the times that can be booked instead, as the admin of appointments tells them."""
        return str(self.admin_site.get_model_admin(Appointment).error_message(error))  # type: ignore[attr-defined]

    # --- Columns ---

    @admin.display(description="weekdays", empty_value="any")
    def days(self, entry: WaitlistEntry) -> str:
        return ", ".join(day for n, day in enumerate(DAYS) if entry.weekday_bits >> n & 1)

    @admin.display(description="status")
    def status_now(self, entry: Any) -> str:
        return str(WaitlistStatus(entry.state).label)

    @admin.display(description="position", empty_value="-")
    def position(self, entry: Any) -> int | None:
        place: int | None = entry.position
        return place

    @admin.display(description="offered", empty_value="-")
    def offer(self, entry: Any) -> str:
        return next((_offered(offer) for offer in entry.standing_offers), "")


@admin.register(Offer)
class OfferAdmin(AuditedAdminMixin, ReadOnlyAdmin):
    """What has been offered to whom, for whoever may see the line."""

    patient_path = "entry.patient"
    fields = readonly_fields = ("time", "patient", "entry", "status", "until", "created_at")
    list_display = ("time", "doctor", "patient", "status", "until")
    list_select_related = ("slot__location", "slot__doctor", "entry__patient")
    list_filter = ("status",)
    ordering = ("-pk",)
    search_fields = ("entry__patient__last_name", "entry__patient__first_name")
    search_help_text = "Patient."

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may see the line sees what is offered to it."""
        line = self.admin_site.get_model_admin(WaitlistEntry)
        return line.has_view_permission(request) or super().has_view_permission(request, obj)

    @admin.display(description="time at the location", ordering="slot__starts_at")
    def time(self, offer: Offer) -> str:
        return at_location(offer.slot.starts_at, offer.slot.location)

    @admin.display(description="doctor")
    def doctor(self, offer: Offer) -> str:
        return str(offer.slot.doctor)

    @admin.display(description="patient")
    def patient(self, offer: Offer) -> str:
        return str(offer.entry.patient)

    @admin.display(description="open until")
    def until(self, offer: Offer) -> str:
        return at_location(offer.expires_at, offer.slot.location)


def _offered(offer: Offer) -> str:
    place = offer.slot.location
    until = offer.expires_at.astimezone(place.zone)
    return f"{at_location(offer.slot.starts_at, place)}, until {until:%H:%M}"
