"""Appointments: adding one books it, another slot moves it, actions do the rest.

Deleting one gives its place back.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts.audit.admin import AuditedAdminMixin
from accounts.models import User
from accounts.privacy import display_name
from accounts.requests import signed_in_user
from appointment.admin.filters import WhenFilter
from appointment.admin.forms import AppointmentForm, OverridingActionForm
from appointment.models import Appointment, AppointmentEvent
from appointment.models.appointment import LIVE
from doctor.models import Location
from extensions.admin.actions import HANDLED_ERRORS, DomainActionAdmin
from extensions.exceptions import DomainError

NAMED = 20  # refusals that are told one by one


def at_location(instant: datetime | None, location: Location) -> str:
    """An instant as the clocks of the location show it."""
    return f"{instant.astimezone(location.zone):%a %d %b %Y %H:%M %Z}" if instant else ""


def whose(actor: User | None, appointment: Appointment) -> str:
    """Who did it: the patient, also once they have been erased, or a colleague by name."""
    if actor and appointment.patient and actor.pk == appointment.patient.user_id:
        return "the patient"
    erased = appointment.patient is None and actor and not actor.is_staff
    return "the patient" if erased else display_name(actor)


def words_of(event: AppointmentEvent) -> str:
    """From where to where, or why; and why a rule was set aside for it."""
    moved = f"slot {event.from_slot} to {event.to_slot}" if event.from_slot else ""
    words = event.detail or moved
    aside = event.override_reason and f" (rules set aside: {event.override_reason})"
    return f"{words and f': {words}'}{aside}"


def _is_movable(appointment: Appointment) -> bool:
    return appointment.status == LIVE and appointment.patient is not None


@admin.register(Appointment)
class AppointmentAdmin(AuditedAdminMixin, DomainActionAdmin):
    """Appointments. Reason and slot are edited, the latter of a live one; the rest are actions."""

    form = AppointmentForm
    action_form = OverridingActionForm
    fields = (
        "patient",
        "phone_number",
        "doctor",
        "location",
        "time",
        "status",
        "reason",
        "checked_in",
        "needs_rebooking",
        "canceled",
        "cancel_reason",
        "slot",
        "override_reason",
        "events",
    )
    autocomplete_fields = ("patient", "slot")
    list_display = (
        "time",
        "status",
        "patient",
        "phone_number",
        "doctor",
        "location",
        "checked_in",
        "needs_rebooking",
    )
    list_display_links = ("time",)
    list_select_related = ("patient", "doctor", "location")
    list_filter = (WhenFilter, "status", "needs_rebooking", "location", "doctor")
    date_hierarchy = "date"
    ordering = ("-date", "-starts_at", "-pk")  # only the date has an index
    search_fields = (
        "id__exact",
        "patient__last_name",
        "patient__first_name",
        "patient__phone_number",
        "doctor__last_name",
        "doctor__first_name",
        "date",
    )
    search_help_text = "Number, patient, phone number, doctor or date (2026-12-01)."
    actions = ("check_in", "cancel", "complete", "mark_no_show", "delete_selected")
    deleted_by_verb = True
    deletion_note = (
        "For mistakes only: it goes with its history, and a place it holds is free again."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Appointment]:
        rows = super().get_queryset(request)
        return rows.select_related("patient", "doctor", "location", "booked_by")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser and super().has_delete_permission(request, obj)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("patient", "slot", "reason", "override_reason")
        return [name for name in self.fields if name != "override_reason" or _is_movable(obj)]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """All but the reason and, of a live one, the slot; all once the person is erased."""
        if obj is None:
            return ()
        edited = {"reason"} if obj.patient else set()
        edited |= {"slot", "override_reason"} if _is_movable(obj) else set()
        return [name for name in self.fields if name not in edited]

    # --- Verbs ---

    def add_row(self, request: HttpRequest, obj: Appointment) -> None:
        obj.booked_by = signed_in_user(request)
        obj.book(override_reason=obj.override_reason)

    def revise_row(self, request: HttpRequest, obj: Appointment, changes: dict[str, Any]) -> None:
        """Move it, which locks what comes before the visit, then write its words."""
        if "slot" in changes:
            why = obj.override_reason
            obj.reschedule(to=changes["slot"], by=signed_in_user(request), override_reason=why)
        if "reason" in changes:
            obj.amend(changes["reason"], by=signed_in_user(request))

    def delete_model(self, request: HttpRequest, obj: Appointment) -> None:
        obj.discard()

    def lock_rows(self, queryset: QuerySet[Appointment]) -> None:
        Appointment.objects.filter(pk__in=queryset.order_by()).lock_slots()

    @admin.action(permissions=["change"], description="Check in selected appointments")
    def check_in(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        """Note of each patient that they have come."""
        self._each(request, queryset, Appointment.check_in, "checked in")

    @admin.action(permissions=["change"], description="Cancel selected appointments")
    def cancel(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        """Cancel each that has not begun, and give its place back."""
        why = request.POST.get("override_reason", "")
        cancel = partial(Appointment.cancel, override_reason=why)
        self._each(request, queryset, cancel, "canceled")

    @admin.action(permissions=["change"], description="Complete selected appointments")
    def complete(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        """Note of each that it took place."""
        self._each(request, queryset, Appointment.complete, "completed")

    @admin.action(permissions=["change"], description="Mark selected appointments as no-show")
    def mark_no_show(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        """Note of each that the patient did not come."""
        self._each(request, queryset, Appointment.mark_no_show, "marked as no-show")

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[Appointment],
        verb: Callable[..., Appointment],
        done: str,
    ) -> None:
        """Each by itself, the refused ones named and the others done."""
        refused, count = [], 0
        for appointment in queryset:
            try:
                with transaction.atomic():
                    verb(appointment, by=signed_in_user(request))
                    self.log_change(request, appointment, f"{done.capitalize()}.")
                count += 1
            except HANDLED_ERRORS as error:
                refused.append(f"{appointment}: {' '.join(self.explained(error).messages)}")
        self._tell(request, f"{count} {done}.", refused)

    def _tell(self, request: HttpRequest, done: str, refused: list[str]) -> None:
        if not done.startswith("0 "):
            self.message_user(request, done, messages.SUCCESS)
        for sentence in refused[:NAMED]:
            self.message_user(request, sentence, messages.ERROR)
        if len(refused) > NAMED:
            more = f"{len(refused) - NAMED} more were refused."
            self.message_user(request, more, messages.ERROR)

    def error_message(self, error: DomainError) -> str:
        """With the times that are free instead, if there are any, as the clocks there show them."""
        free = error.extra.get("alternatives", [])
        if not free:
            return super().error_message(error)
        places = Location.objects.in_bulk({slot["location"] for slot in free})
        times = [
            f"{at_location(datetime.fromisoformat(slot['starts_at']), place)}, {place}"
            for slot in free
            for place in [places[slot["location"]]]
        ]
        return f"{error.message} Free instead: {'; '.join(times)}."

    # --- Columns and lines ---

    @admin.display(description="time at the location", ordering="starts_at")
    def time(self, appointment: Appointment) -> str:
        return at_location(appointment.starts_at, appointment.location)

    @admin.display(description="phone number", empty_value="-")
    def phone_number(self, appointment: Appointment) -> str:
        return str(appointment.patient.phone_number) if appointment.patient else ""

    @admin.display(description="checked in", empty_value="-", ordering="checked_in_at")
    def checked_in(self, appointment: Appointment) -> str:
        return at_location(appointment.checked_in_at, appointment.location)

    @admin.display(description="canceled", empty_value="-")
    def canceled(self, appointment: Appointment) -> str:
        return at_location(appointment.canceled_at, appointment.location)

    @admin.display(description="history")
    def events(self, appointment: Appointment) -> SafeString:
        """What happened to it, when and by whom, from one query."""
        rows = AppointmentEvent.objects.filter(appointment=appointment).select_related("actor")
        lines = (
            (
                at_location(event.at, appointment.location),
                event.get_kind_display(),
                who and f" by {who}",
                words_of(event),
            )
            for event in rows.order_by("at", "pk")
            for who in [whose(event.actor, appointment)]
        )
        return format_html_join("", "{}: {}{}{}<br>", lines)
