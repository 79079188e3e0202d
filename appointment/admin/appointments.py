"""The admin pages of appointments.

Adding an appointment books it, choosing another slot moves it, and deleting it releases its place.
Admin actions check in, cancel and conclude the selected appointments, and undo their last change.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_noop, ngettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.audit.admin import AuditedAdminMixin
from accounts.models import OutgoingMessage
from accounts.privacy import display_name
from accounts.requests import signed_in_user
from appointment.admin.filters import AppointmentPeriodFilter
from appointment.admin.forms import AppointmentForm, OverridingActionForm
from appointment.admin.people import PatientChoiceMixin
from appointment.messages.state import messages_by_visit, state_text
from appointment.models import Appointment, AppointmentEvent
from appointment.models.event import LIVE
from doctor.models import Location, Slot
from doctor.models.search import A_YEAR, shown_start
from extensions.admin.actions import HANDLED_ERRORS, DomainActionAdmin
from extensions.admin.columns import two_lines
from extensions.admin.links import list_link
from extensions.exceptions import DomainError
from extensions.formats import instant_text
from extensions.search import Term

CHANGE_MESSAGES = "accounts.change_outgoingmessage"
A_MONTH = 31  # days back and ahead
MAX_REFUSALS_SHOWN = 20  # each with a message of its own
DONE = {
    gettext_noop("Checked in."): ngettext_lazy(
        "%(count)s checked in.", "%(count)s checked in.", "count"
    ),
    gettext_noop("Canceled."): ngettext_lazy("%(count)s canceled.", "%(count)s canceled.", "count"),
    gettext_noop("Completed."): ngettext_lazy(
        "%(count)s completed.", "%(count)s completed.", "count"
    ),
    gettext_noop("Marked as no-show."): ngettext_lazy(
        "%(count)s marked as no-show.", "%(count)s marked as no-show.", "count"
    ),
    gettext_noop("Undone."): ngettext_lazy("%(count)s undone.", "%(count)s undone.", "count"),
    gettext_noop("Kept."): ngettext_lazy("%(count)s kept.", "%(count)s kept.", "count"),
}


def local_time(instant: datetime | None, location: Location) -> str:
    """Format an instant on the clock of the location; an empty string for None."""
    return instant_text(instant, location.zone) if instant else ""


def actor_name(event: AppointmentEvent) -> str:
    """Return "the patient", or the name that the member of staff or doctor had that day."""
    if event.by == AppointmentEvent.Role.PATIENT:
        return gettext("the patient")
    return display_name(event.actor_id, event.actor_name, event.actor)


def _kind_and_actor(event: AppointmentEvent) -> str:
    kind, actor = event.get_kind_display(), actor_name(event)
    return gettext("%(kind)s by %(actor)s") % {"kind": kind, "actor": actor} if actor else kind


def event_details(event: AppointmentEvent) -> str:
    """Return the detail and the override reason of an event as one text for the history.

    The detail of an event `undone` is what it took back.
    """
    detail = event.detail or event.get_undoes_display().lower()
    text, override = f": {detail}" if detail else "", event.override_reason
    if override:
        reason = gettext("(rules set aside: %(reason)s)") % {"reason": override}
        text = f"{text} {reason}"
    return text


def _can_move(appointment: Appointment) -> bool:
    return appointment.status == LIVE and appointment.patient is not None


@admin.register(Appointment)
class AppointmentAdmin(PatientChoiceMixin, AuditedAdminMixin, DomainActionAdmin):
    """Staff edit the reason and, of a live visit, the slot. Actions change everything else."""

    form = AppointmentForm
    action_form = OverridingActionForm
    fields = (
        "patient",
        "phone_number",
        "doctor",
        "location",
        "start",
        "status",
        "reason",
        "checked_in",
        "moved",
        "needs_rebooking",
        "canceled",
        "cancel_reason",
        "slot",
        "override_reason",
        "events",
        "sent_messages",
        "send_again",
    )
    autocomplete_fields = ("patient", "slot")
    site_choices = {"slot": Slot.objects.at_sites_of}
    list_display: tuple[str, ...] = ("start", "person", "who_and_where", "state")
    list_display_links = ("start",)
    list_select_related = ("patient", "doctor", "location")
    list_filter = (
        AppointmentPeriodFilter, "status", "moved", "needs_rebooking", "location", "doctor",
    )  # fmt: skip
    link_filters: tuple[str, ...] = ("patient__id__exact", "slot__id__exact")
    date_hierarchy = "date"
    opens_with_this_month = True
    bounding_filters: tuple[str, ...] = ("when", "needs_rebooking__exact")
    ordering = ("-date", "starts_at", "pk")
    sortable_by: ClassVar[Any] = ("start", "state")
    search_fields = (
        "id__exact",
        "patient__last_name",
        "patient__first_name",
        "patient__date_of_birth",
        "patient__phone_number",
        "doctor__last_name",
        "doctor__first_name",
        "location__name",
        "date",
    )
    search_help_text = _(
        "Number, patient, phone number, doctor, location, date (2026-12-01) or time (09:00), and "
        "several of them."
    )
    actions = ("check_in", "cancel", "complete", "mark_no_show", "undo", "delete_selected")
    deleted_by_verb = True
    deletion_note = _(
        "Delete only what was entered by mistake. The history is deleted too, and the place that "
        "the visit holds becomes free."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Appointment]:
        rows = super().get_queryset(request)
        return rows.select_related("patient", "doctor", "location", "booked_by")

    def more_conditions(self, term: Term, terms: Sequence[Term]) -> Q | None:
        """Find visits by the time at which they start at their location, such as 09:00.

        Without a date, they are of a year, or of a month if no name is typed beside the time: so
        many dates are searched one by one.
        """
        around = A_YEAR if any(each.word for each in terms) else A_MONTH
        found = shown_start(term, terms, around=around)
        if found is None or any(each.days for each in terms):
            return found
        today, most = timezone.now().date(), timedelta(days=around)
        return found & Q(date__range=(today - most, today + most))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser and super().has_delete_permission(request, obj)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("patient", "slot", "reason", "squeeze_in", "override_reason")
        left_out = set() if _can_move(obj) else {"override_reason"}
        left_out |= set() if request.user.has_perm(CHANGE_MESSAGES) else {"send_again"}
        return [name for name in self.fields if name not in left_out]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return all fields except those that staff may edit.

        These are the reason, unless the patient is erased, and the slot of a live visit.
        """
        if obj is None:
            return ()
        edited = {"reason"} if obj.patient else set()
        edited |= {"slot", "override_reason"} if _can_move(obj) else set()
        return [name for name in self.fields if name not in edited]

    # --- Verbs ---

    def add_row(self, request: HttpRequest, obj: Appointment) -> None:
        obj.booked_by = signed_in_user(request)
        obj.book(override_reason=obj.override_reason, squeeze_in=obj.squeeze_in)

    def revise_row(self, request: HttpRequest, obj: Appointment, changes: dict[str, Any]) -> None:
        """Move the visit, then change its reason: slots are locked before appointments."""
        if "slot" in changes:
            override = obj.override_reason
            user = signed_in_user(request)
            obj.reschedule(to=changes["slot"], by=user, override_reason=override)
        if "reason" in changes:
            obj.amend(changes["reason"], by=signed_in_user(request))

    def delete_model(self, request: HttpRequest, obj: Appointment) -> None:
        obj.discard()

    def lock_rows(self, queryset: QuerySet[Appointment]) -> None:
        Appointment.objects.filter(pk__in=queryset.order_by()).lock_slots()

    @admin.action(permissions=["change"], description=_("Check in selected visits"))
    def check_in(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        """Record that the patients have come, also those who were marked as no-show."""
        self._run_on_each(request, queryset, Appointment.check_in, "Checked in.")

    @admin.action(permissions=["change"], description=_("Cancel selected visits"))
    def cancel(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        """Cancel the visits and release their places; those that have begun need a reason."""
        override = self.typed_text(request, "override_reason")
        cancel = partial(Appointment.cancel, override_reason=override)
        self._run_on_each(request, queryset, cancel, "Canceled.")

    @admin.action(permissions=["change"], description=_("Complete selected visits"))
    def complete(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        """Record that the visits took place."""
        self._run_on_each(request, queryset, Appointment.complete, "Completed.")

    @admin.action(permissions=["change"], description=_("Mark selected visits as no-show"))
    def mark_no_show(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        """Record that the patients did not come."""
        self._run_on_each(request, queryset, Appointment.mark_no_show, "Marked as no-show.")

    @admin.action(permissions=["change"], description=_("Undo the last change of selected visits"))
    def undo(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        """Take back the last check-in, completion, no-show or cancelation of each visit."""
        override = self.typed_text(request, "override_reason")
        self._run_on_each(
            request, queryset, partial(Appointment.undo, override_reason=override), "Undone."
        )

    def _run_on_each(
        self,
        request: HttpRequest,
        queryset: QuerySet[Appointment],
        verb: Callable[..., Appointment],
        done: str,
    ) -> None:
        """Call the verb on each visit in a savepoint of its own, and show the results as messages.

        A visit that the verb refuses stays as it is. `done`: a key of DONE, for the log.
        """
        refused, count = [], 0
        for appointment in queryset:
            try:
                with transaction.atomic():
                    verb(appointment, by=signed_in_user(request))
                    self.log_change(request, appointment, done)
                count += 1
            except HANDLED_ERRORS as error:
                refused.append(
                    f"{appointment}: {' '.join(self.as_validation_error(error).messages)}"
                )
        if count:
            self.message_user(request, DONE[done] % {"count": count}, messages.SUCCESS)
        self._show_refusals(request, refused)

    def _show_refusals(self, request: HttpRequest, refused: list[str]) -> None:
        """Show the refusals, up to MAX_REFUSALS_SHOWN, and the number of the others."""
        for sentence in refused[:MAX_REFUSALS_SHOWN]:
            self.message_user(request, sentence, messages.ERROR)
        if len(refused) > MAX_REFUSALS_SHOWN:
            count = len(refused) - MAX_REFUSALS_SHOWN
            more = ngettext("%(count)s more were refused.", "%(count)s more were refused.", count)
            self.message_user(request, more % {"count": count}, messages.ERROR)

    def error_message(self, error: DomainError) -> str:
        """Return the sentence of the error, with its alternatives on the clock of each location."""
        slots = error.extra.get("alternatives", [])
        if not slots:
            return super().error_message(error)
        locations = Location.objects.in_bulk({slot["location"] for slot in slots})
        times = [
            f"{local_time(datetime.fromisoformat(slot['starts_at']), location)}, {location}"
            for slot in slots
            for location in [locations[slot["location"]]]
        ]
        free = gettext("Free instead: %(times)s.") % {"times": "; ".join(times)}
        return f"{error.staff_message} {free}"

    # --- Columns ---

    @admin.display(description=_("time at the location"), ordering="date")
    def start(self, appointment: Appointment) -> str:
        """Return the start on the clock of the location."""
        return local_time(appointment.starts_at, appointment.location)

    @admin.display(description=_("phone number"), empty_value="-")
    def phone_number(self, appointment: Appointment) -> str:
        """Return the phone number of the patient."""
        return str(appointment.patient.phone_number) if appointment.patient else ""

    @admin.display(description=_("patient"))
    def person(self, appointment: Appointment) -> SafeString | str:
        """Return the patient, and the phone number on a line of its own."""
        patient = appointment.patient
        if patient is None:
            return "-"
        number: Any = patient.phone_number
        return two_lines(patient, number.as_international if number else "")

    @admin.display(description=_("doctor and location"))
    def who_and_where(self, appointment: Appointment) -> SafeString:
        """Return the doctor, and the location on a line of its own."""
        return two_lines(appointment.doctor, appointment.location)

    @admin.display(description=_("state"), ordering="status")
    def state(self, appointment: Appointment) -> SafeString:
        """Return the status, and below it: when the patient came, moved, to rebook."""
        came = appointment.checked_in_at
        clock = f"{came.astimezone(appointment.location.zone):%H:%M}" if came else ""
        notes = [gettext("came %(time)s") % {"time": clock}] if came else []
        notes += [gettext("moved")] if appointment.moved else []
        notes += [gettext("to rebook")] if appointment.needs_rebooking else []
        return two_lines(appointment.get_status_display(), ", ".join(notes))

    @admin.display(description=_("checked in"), empty_value="-")
    def checked_in(self, appointment: Appointment) -> str:
        """Return when the patient checked in, on the clock of the location."""
        return local_time(appointment.checked_in_at, appointment.location)

    @admin.display(description=_("canceled"), empty_value="-")
    def canceled(self, appointment: Appointment) -> str:
        """Return when it was canceled, on the clock of the location."""
        return local_time(appointment.canceled_at, appointment.location)

    @admin.display(description=_("history"))
    def events(self, appointment: Appointment) -> SafeString:
        """Return the history with one line for each event, read in one query."""
        rows = AppointmentEvent.objects.filter(appointment=appointment).select_related("actor")
        lines = (
            (
                local_time(event.at, appointment.location),
                _kind_and_actor(event),
                event_details(event),
            )
            for event in rows.order_by("at", "pk")
        )
        return format_html_join("", "{}: {}{}<br>", lines)

    @admin.display(description=_("messages"))
    def sent_messages(self, appointment: Appointment) -> SafeString:
        """Return what became of the messages about the visit, a line each, read in one query."""
        rows = messages_by_visit([appointment.pk])[appointment.pk]
        lines = ((state_text(row, appointment.location),) for row in rows)
        return format_html_join("", "{}<br>", lines)

    @admin.display(description=_("send again"))
    def send_again(self, appointment: Appointment) -> SafeString:
        """Return a link to the list of these messages, which has the actions."""
        return list_link(OutgoingMessage, gettext("The messages of this visit"), q=appointment.pk)
