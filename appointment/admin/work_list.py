"""The admin pages of the work list: staff move, cancel or keep visits that cannot take place."""

from functools import partial
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.requests import signed_in_user
from appointment.admin.appointments import AppointmentAdmin, local_time
from appointment.admin.forms import WideReasonField, WorkListActionForm
from appointment.admin.time_off import doctors_of, slot_label
from appointment.models import Appointment, WorkListItem
from appointment.models.alternatives import work_list_alternatives
from doctor.models import Slot
from extensions.admin.forms import KEY, Autocomplete, GuardedForm

OTHER, CANCEL, KEEP = "other", "cancel", "keep"
FIXED_DECISIONS = [
    (OTHER, _("Move it to the time chosen below")),
    (CANCEL, _("Cancel it")),
    (KEEP, _("Keep it as booked")),
]
NO_REASON = _("Say why the visit takes place all the same.")


class DecisionField(forms.ChoiceField):
    """A choice that also accepts the key of a slot that was proposed when the page was opened."""

    def valid_value(self, value: Any) -> bool:
        return KEY.fullmatch(str(value)) is not None or super().valid_value(value)


class RebookingForm(GuardedForm):
    """Move a visit to an alternative or to another slot, cancel it or keep it.

    `decision` is the key of an alternative, OTHER, CANCEL or KEEP. The alternatives are those that
    the work list shows for the visit. The admin sets `user`.
    """

    user: User

    decision = DecisionField(widget=forms.RadioSelect, label=_("What to do"))
    other_slot = forms.ModelChoiceField(
        Slot.objects.all(),
        required=False,
        label=_("Other time"),
        widget=Autocomplete(Appointment._meta.get_field("slot"), admin.site),
    )
    cancel_because = WideReasonField(label=_("Cancel because"))
    keep_because = WideReasonField(label=_("Keep because"))
    override_reason = WideReasonField(
        label=_("Anyway because"),
        help_text=_(
            "To move or cancel a visit that has begun, and to set aside a rule of the "
            "location for the new time. The history keeps it."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "decision" in self.fields:
            self.fields["other_slot"].queryset = Slot.objects.at_sites_of(self.user)  # type: ignore[attr-defined]
            labels = alternative_labels([self.instance], self.user)
            self.alternatives = labels[self.instance.pk]
            text = gettext("Move it to %(time)s")
            moves = [(str(pk), text % {"time": label}) for pk, label in self.alternatives]
            self.fields["decision"].choices = [*moves, *FIXED_DECISIONS]  # type: ignore[attr-defined]
            self.initial["decision"] = moves[0][0] if moves else OTHER

    def clean_decision(self) -> str:
        """Accept a slot that was proposed when the page was opened, as long as it is free.

        If it is taken, the page is shown again with the times that are proposed now.
        """
        decision: str = self.cleaned_data["decision"]
        if decision in dict(self.fields["decision"].choices):  # type: ignore[attr-defined]
            return decision
        slots = Slot.objects.at_sites_of(self.user).filter(pk=decision)
        if not slots.bookable(timezone.now()).exists():
            raise forms.ValidationError(self._lost(slots.select_related("doctor", "location")))
        return decision

    def _lost(self, slots: QuerySet[Slot]) -> str:
        """Return the sentence about the chosen slot, which is no longer free or is deleted."""
        labels = [f"{local_time(each.starts_at, each.location)}, {each.doctor}" for each in slots]
        lost = gettext("That time: no longer free, so the visit is not moved.")
        if labels:
            text = gettext("%(time)s: no longer free, so the visit is not moved.")
            lost = text % {"time": labels[0]}
        new = gettext("No other time is proposed; search for one below.")
        if self.alternatives:
            new = gettext("Proposed instead: %(time)s.") % {"time": self.alternatives[0][1]}
        return f"{lost} {new}"

    def clean(self) -> dict[str, Any]:
        """Require `other_slot` for the decision OTHER, and `keep_because` for KEEP."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("decision") == OTHER and not cleaned.get("other_slot"):
            self.add_error("other_slot", gettext("Choose the time to move it to."))
        if cleaned.get("decision") == KEEP and not cleaned.get("keep_because"):
            self.add_error("keep_because", NO_REASON)
        return cleaned


def alternative_labels(visits: list[Any], user: User) -> dict[int, list[tuple[int, str]]]:
    """Map the key of each visit to its alternatives for this user, each as (slot key, label).

    A label names the doctor only if it is another one than that of the visit.
    """
    affected = work_list_alternatives(visits, timezone.now(), user)
    doctors = doctors_of(affected)
    return {
        each.id: [
            (slot["id"], slot_label(slot, doctors, but=each.appointment.doctor_id))
            for slot in each.alternatives
        ]
        for each in affected
    }


@admin.register(WorkListItem)
class WorkListAdmin(AppointmentAdmin):
    """The work list, soonest first. Staff open a visit to move, cancel or keep it."""

    form: Any = RebookingForm
    fields: ClassVar[Any] = (
        "patient",
        "phone_number",
        "doctor",
        "location",
        "start",
        "cause",
        "reason",
        "decision",
        "other_slot",
        "cancel_because",
        "keep_because",
        "override_reason",
    )
    autocomplete_fields: ClassVar[Any] = ()
    list_display: Any = (
        "start",
        "person",
        "who_and_where",
        "cause",
        "alternatives",
    )
    list_filter: ClassVar[Any] = ("location", "doctor")
    link_filters = ()
    date_hierarchy: ClassVar[Any] = None
    opens_with_this_month = False
    bounding_filters = ()
    sortable_by: ClassVar[Any] = ()  # the work list is soonest first
    ordering: ClassVar[Any] = ("starts_at", "pk")
    actions: Any = ("cancel", "keep")
    action_form = WorkListActionForm

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkListItem]:
        rows: Any = super().get_queryset(request)
        return rows.to_rebook().with_cause()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow those who may view appointments."""
        appointments = self.admin_site.get_model_admin(Appointment)
        return appointments.has_view_permission(request) or super().has_view_permission(
            request, obj
        )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow those who may change appointments."""
        appointments = self.admin_site.get_model_admin(Appointment)
        return appointments.has_change_permission(request) or super().has_change_permission(
            request, obj
        )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if self.has_change_permission(request, obj):
            return self.fields
        return [name for name in self.fields if name not in RebookingForm.base_fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [name for name in self.fields if name not in RebookingForm.base_fields]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.user = signed_in_user(request)
        return form

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Add `alternatives` to the rows of the page, all read at once."""
        changelist = super().get_changelist_instance(request)
        rows = list(changelist.result_list)
        labels = alternative_labels(rows, signed_in_user(request))
        for row in rows:
            row.alternatives = labels[row.pk]
        changelist.result_list = rows
        return changelist

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Move, cancel or keep the visit, as staff have decided."""
        visit, data = Appointment.objects.get(pk=obj.pk), form.cleaned_data
        user, decision = signed_in_user(request), data["decision"]
        override = data["override_reason"]
        if decision == CANCEL:
            because = data["cancel_because"]
            visit.cancel(by=user, reason=because, override_reason=override, listed=True)
        elif decision == KEEP:
            visit.keep(data["keep_because"], by=user)
        else:
            to = data["other_slot"].pk if decision == OTHER else int(decision)
            visit.reschedule(to=to, by=user, override_reason=override, listed=True)

    @admin.action(permissions=["change"], description=_("Keep selected visits as booked"))
    def keep(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Take the visits off the work list, until another closure hits them."""
        reason = self.typed_text(request, "keep_reason")
        if not reason:
            self.message_user(request, NO_REASON, messages.ERROR)
            return
        self._run_on_each(request, queryset, partial(Appointment.keep, reason=reason), "Kept.")

    @admin.display(description=_("because"))
    def cause(self, visit: Any) -> str:
        """Return why the visit cannot take place as booked."""
        return str(visit.cause)

    @admin.display(description=_("other times"))
    def alternatives(self, visit: Any) -> SafeString:
        """Return the times to which the visit could be moved, each on its own line."""
        return format_html_join("", "{}<br>", ((label,) for _, label in visit.alternatives))
