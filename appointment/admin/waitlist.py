"""The admin pages of the waitlist and of its offers."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_noop, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.audit.admin import AuditedAdminMixin
from accounts.requests import signed_in_user
from appointment.admin.appointments import local_time
from appointment.admin.forms import ReasonField
from appointment.admin.people import PatientChoiceMixin
from appointment.models import Appointment, Offer, WaitlistEntry, WaitlistStatus
from appointment.models.erasure import lock_entries
from appointment.models.offer import with_state
from appointment.models.waitlist import CHANGE_ENTRY
from doctor.admin.sites import SiteAdminMixin
from doctor.models import Doctor, Specialty
from doctor.models.search import shown_start
from doctor.wall_time import validate_date
from extensions.admin.actions import HANDLED_ERRORS, DomainActionAdmin
from extensions.admin.base import ReadOnlyAdmin
from extensions.admin.columns import two_lines
from extensions.admin.forms import PartialUpdateForm
from extensions.exceptions import DomainError
from extensions.formats import date_text
from extensions.search import Term

WEEKDAYS = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
ANSWERED = {
    gettext_noop("Offer accepted."): ngettext_lazy(
        "%(count)s accepted.", "%(count)s accepted.", "count"
    ),
    gettext_noop("Offer declined."): ngettext_lazy(
        "%(count)s declined.", "%(count)s declined.", "count"
    ),
}


class AcceptingActionForm(ActionForm):
    """The choice of an admin action, and the reason for which staff set rules aside to accept."""

    override_reason = ReasonField(label=_("Accept anyway because:"))


class WaitlistEntryForm(PartialUpdateForm):
    """A new entry, with a checkbox for each weekday."""

    typed_in = {"weekday_bits": "weekdays"}

    weekdays = forms.TypedMultipleChoiceField(
        label=_("Weekdays"),
        choices=tuple(enumerate(WEEKDAYS)),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Check none for any day."),
    )

    def clean(self) -> Any:
        """Set `weekday_bits` from the checked weekdays: bit n is weekday n, Monday is 0.

        The dates are bounded as those of a session.
        """
        cleaned = super().clean()
        for name in ("first_date", "last_date"):
            try:
                validate_date(self.cleaned_data.get(name) or timezone.now().date())
            except ValidationError as error:
                self.add_error(name, error)
        self.instance.weekday_bits = sum(1 << day for day in self.cleaned_data.get("weekdays", ()))
        return cleaned


class StatusFilter(admin.SimpleListFilter):
    """Filter by the status that an entry has now, whether or not `run_due` has stored it."""

    title = _("status")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return WaitlistStatus.choices

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(state=self.value()) if self.value() else queryset


def specialties_at_sites_of(user: Any) -> QuerySet[Specialty]:
    """Return the specialties of the doctors who work at a site of this member of staff."""
    return Specialty.objects.filter(doctors__in=Doctor.objects.at_sites_of(user)).distinct()


@admin.register(WaitlistEntry)
class WaitlistEntryAdmin(PatientChoiceMixin, AuditedAdminMixin, DomainActionAdmin):
    """Waitlist entries: adding one calls `join`, deleting one calls `leave`.

    Staff accept and decline offers by actions. No entry is changed.
    """

    form = WaitlistEntryForm
    action_form = AcceptingActionForm
    criteria = ("patient", "doctor", "specialty", "replaces", "first_date", "last_date")
    times_of_day = ("start_time", "end_time")
    fields = (
        *criteria,
        "weekdays_shown",
        *times_of_day,
        "current_status",
        "position",
        "offer",
        "created_at",
    )
    autocomplete_fields = ("patient", "doctor", "specialty", "replaces")
    actions = ("accept", "decline", "delete_selected")
    site_choices = {
        "doctor": Doctor.objects.at_sites_of,
        "specialty": specialties_at_sites_of,
        "replaces": Appointment.objects.at_sites_of,
    }
    list_display = ("patient", "wish", "days", "place_in_line", "offer")
    list_select_related = ("patient", "doctor", "specialty")
    list_filter = (StatusFilter, "specialty", "doctor")
    ordering = ("pk",)
    sortable_by = ()  # they are in line
    search_fields = (
        "id__exact",
        "patient__last_name",
        "patient__first_name",
        "patient__date_of_birth",
        "doctor__last_name",
        "specialty__name",
        "first_date",
        "last_date",
    )
    search_help_text = _("Number, patient, doctor, specialty, or first or last date (2026-12-01).")
    deleted_by_verb = True
    deletion_note = _("A place that is offered to the patient goes to the next in line.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[WaitlistEntry]:
        rows: Any = super().get_queryset(request)
        offers = Offer.objects.answerable_by(signed_in_user(request))
        entries: QuerySet[WaitlistEntry] = with_state(rows, timezone.now(), offers)
        return entries

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else (*self.criteria, "weekdays", *self.times_of_day)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: a changed entry would keep a place in line that it took for other criteria."""
        return False

    def has_answer_permission(self, request: HttpRequest) -> bool:
        """Whether the user may answer offers for patients, as in the API."""
        return signed_in_user(request).is_staff_with(CHANGE_ENTRY)

    # --- Verbs ---

    def add_row(self, request: HttpRequest, obj: WaitlistEntry) -> None:
        obj.join()

    @admin.action(permissions=["answer"], description=_("Accept the offers for selected patients"))
    def accept(self, request: HttpRequest, queryset: QuerySet[WaitlistEntry]) -> None:
        """Book the offered places for patients who have accepted, for example by telephone."""
        override = self.typed_text(request, "override_reason")
        accept = partial(WaitlistEntry.accept, override_reason=override)
        self._answer(request, queryset, accept, "Offer accepted.")

    @admin.action(permissions=["answer"], description=_("Decline the offers for selected patients"))
    def decline(self, request: HttpRequest, queryset: QuerySet[WaitlistEntry]) -> None:
        """Decline the offered places; the entries keep their positions in line."""
        self._answer(request, queryset, WaitlistEntry.decline, "Offer declined.")

    def _answer(
        self,
        request: HttpRequest,
        queryset: QuerySet[WaitlistEntry],
        verb: Callable[..., Any],
        done: str,
    ) -> None:
        """Call the verb on each entry in a transaction of its own, and show each refusal.

        `done`: a key of ANSWERED, for the log.
        """
        user, count = signed_in_user(request), 0
        rows = WaitlistEntry.objects.filter(pk__in=[row.pk for row in queryset])
        for entry in rows.select_related("patient"):
            try:
                with transaction.atomic():
                    verb(entry, by=user)
                    self.log_change(request, entry, done)
                count += 1
            except HANDLED_ERRORS as error:
                sentences = " ".join(self.as_validation_error(error).messages)
                self.message_user(request, f"{entry}: {sentences}", messages.ERROR)
        if count:
            self.message_user(request, ANSWERED[done] % {"count": count}, messages.SUCCESS)

    def delete_model(self, request: HttpRequest, obj: WaitlistEntry) -> None:
        obj.leave()

    def lock_rows(self, queryset: QuerySet[WaitlistEntry]) -> None:
        lock_entries([row.pk for row in queryset])

    def error_message(self, error: DomainError) -> str:
        """Return the sentence of the error, with its alternatives, as for appointments."""
        appointments: Any = self.admin_site.get_model_admin(Appointment)
        return str(appointments.error_message(error))

    # --- Columns ---

    @admin.display(description=_("waits for"))
    def wish(self, entry: WaitlistEntry) -> str:
        """Return the doctor or the specialty."""
        return str(entry.doctor or entry.specialty)

    @admin.display(description=_("days"), ordering="first_date")
    def days(self, entry: WaitlistEntry) -> SafeString:
        """Return the first and the last date, and the weekdays if not every day will do."""
        named = {"first": date_text(entry.first_date), "last": date_text(entry.last_date)}
        dates = gettext("%(first)s to %(last)s") % named
        return two_lines(dates, self.weekdays_shown(entry))

    @admin.display(description=_("place in line"))
    def place_in_line(self, entry: Any) -> SafeString:
        """Return the status that the entry has now and, while it is in line, its position."""
        place = entry.position and gettext("number %(position)s") % {"position": entry.position}
        return two_lines(self.current_status(entry), place)

    @admin.display(description=_("weekdays"), empty_value=_("any"))  # type: ignore[call-overload]
    def weekdays_shown(self, entry: WaitlistEntry) -> str:
        """Return the names of the weekdays; an empty string for any day."""
        return ", ".join(str(day) for n, day in enumerate(WEEKDAYS) if entry.weekday_bits >> n & 1)

    @admin.display(description=_("status"))
    def current_status(self, entry: Any) -> str:
        """Return the status that the entry has now."""
        return str(WaitlistStatus(entry.state).label)

    @admin.display(description=_("position"), empty_value="-")
    def position(self, entry: Any) -> int | None:
        """Return the position in line, from 1; None for an entry that is not in line."""
        position: int | None = entry.position
        return position

    @admin.display(description=_("offered"), empty_value="-")
    def offer(self, entry: Any) -> str:
        """Return the place that is offered now, and until when."""
        return next((_offer_label(offer) for offer in entry.acceptable_offers), "")


@admin.register(Offer)
class OfferAdmin(SiteAdminMixin, AuditedAdminMixin, ReadOnlyAdmin):
    """The offers of all entries, newest first; read-only."""

    patient_path = "entry.patient"
    fields = readonly_fields = ("start", "patient", "entry", "status", "open_until", "created_at")
    list_display = ("start", "doctor", "patient", "status", "open_until")
    list_select_related = ("slot__location", "slot__doctor", "entry__patient")
    list_filter = ("status",)
    unindexed_filters = ("status__exact",)
    most_read_for_sites = 1000
    ordering = ("-pk",)
    sortable_by = ()  # they are the newest first
    search_fields = (
        "entry__patient__last_name",
        "entry__patient__first_name",
        "entry__patient__date_of_birth",
        "slot__doctor__last_name",
        "slot__schedule__date",
    )
    search_help_text = _("Patient, doctor, date (2026-12-01) or time (09:00), or several of them.")

    def more_conditions(self, term: Term, terms: Sequence[Term]) -> Q | None:
        """Find offers by the time at which the slot starts at its location, such as 09:00."""
        return shown_start(term, terms, "slot__")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow those who may view the waitlist."""
        waitlist = self.admin_site.get_model_admin(WaitlistEntry)
        return waitlist.has_view_permission(request) or super().has_view_permission(request, obj)

    @admin.display(description=_("time at the location"), ordering="slot__starts_at")
    def start(self, offer: Offer) -> str:
        """Return the start of the slot on the clock of its location."""
        return local_time(offer.slot.starts_at, offer.slot.location)

    @admin.display(description=_("doctor"))
    def doctor(self, offer: Offer) -> str:
        """Return the doctor of the slot."""
        return str(offer.slot.doctor)

    @admin.display(description=_("patient"))
    def patient(self, offer: Offer) -> str:
        """Return the patient to whom the place is offered."""
        return str(offer.entry.patient)

    @admin.display(description=_("open until"))
    def open_until(self, offer: Offer) -> str:
        """Return when the offer expires, on the clock of the location."""
        return local_time(offer.expires_at, offer.slot.location)


def _offer_label(offer: Offer) -> str:
    location = offer.slot.location
    until = offer.expires_at.astimezone(location.zone)
    named = {"time": local_time(offer.slot.starts_at, location), "until": f"{until:%H:%M}"}
    return gettext("%(time)s, until %(until)s") % named
