"""The work list: visits that cannot take place as booked, moved or canceled in one step."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts.requests import signed_in_user
from appointment.admin.appointments import AppointmentAdmin
from appointment.admin.time_off import in_words
from appointment.models import Appointment, WorkListItem
from appointment.models.alternatives import with_alternatives
from doctor.models import Doctor, Slot
from extensions.admin.forms import Autocomplete

OTHER, CANCEL = "other", "cancel"
STEPS = [(OTHER, "Move it to the slot chosen below"), (CANCEL, "Cancel it")]


class StepForm(forms.ModelForm):
    """What is to become of a visit."""

    step = forms.ChoiceField(widget=forms.RadioSelect, label="Do what")
    other_slot = forms.ModelChoiceField(
        Slot.objects.all(),
        required=False,
        widget=Autocomplete(Appointment._meta.get_field("slot"), admin.site),
    )
    cancel_because = forms.CharField(
        required=False, max_length=500, widget=forms.TextInput(attrs={"class": "vTextField"})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "step" in self.fields:
            free = alternatives_in_words([self.instance]).get(self.instance.pk, [])
            moves = [(str(pk), f"Move it to {words}") for pk, words in free]
            self.fields["step"].choices = [*moves, *STEPS]  # type: ignore[attr-defined]
            self.initial["step"] = moves[0][0] if moves else OTHER

    def clean(self) -> dict[str, Any]:
        """Raise ValidationError where another slot is wanted and none is chosen."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("step") == OTHER and not cleaned.get("other_slot"):
            self.add_error("other_slot", "Choose the slot to move it to.")
        return cleaned


def alternatives_in_words(visits: list[Any]) -> dict[int, list[tuple[int, str]]]:
    """For each visit the slots that it could be moved to, by key, as a line of words each."""
    hits = with_alternatives(visits, timezone.now())
    doctors = Doctor.objects.in_bulk({slot["doctor"] for hit in hits for slot in hit.alternatives})
    return {
        hit.id: [(slot["id"], in_words(slot, doctors[slot["doctor"]])) for slot in hit.alternatives]
        for hit in hits
    }


@admin.register(WorkListItem)
class WorkListAdmin(AppointmentAdmin):
    """Flagged visits, soonest first: open one to move or cancel it, or cancel several at once."""

    form: Any = StepForm
    fields: ClassVar[Any] = (
        "patient",
        "phone_number",
        "doctor",
        "location",
        "time",
        "cause",
        "reason",
        "step",
        "other_slot",
        "cancel_because",
    )
    autocomplete_fields: ClassVar[Any] = ()
    list_display: Any = (
        "time",
        "patient",
        "phone_number",
        "doctor",
        "location",
        "cause",
        "free",
    )
    list_filter: ClassVar[Any] = ("location", "doctor")
    date_hierarchy: ClassVar[Any] = None
    ordering: ClassVar[Any] = ("starts_at", "pk")
    actions: Any = ("cancel",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkListItem]:
        rows: Any = super().get_queryset(request)
        return rows.to_rebook(timezone.now()).with_cause()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may see appointments sees which of them are to be rebooked."""
        appointments = self.admin_site.get_model_admin(Appointment)
        return appointments.has_view_permission(request) or super().has_view_permission(
            request, obj
        )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may change appointments rebooks them."""
        appointments = self.admin_site.get_model_admin(Appointment)
        return appointments.has_change_permission(request) or super().has_change_permission(
            request, obj
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if self.has_change_permission(request, obj):
            return self.fields
        return [name for name in self.fields if name not in StepForm.base_fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [name for name in self.fields if name not in StepForm.base_fields]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The page, with the alternatives of all its rows read at once."""
        changelist = super().get_changelist_instance(request)
        rows = list(changelist.result_list)
        found = alternatives_in_words(rows)
        for row in rows:
            row.free = found[row.pk]
        changelist.result_list = rows
        return changelist

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        visit, typed = Appointment.objects.get(pk=obj.pk), form.cleaned_data
        if typed["step"] == CANCEL:
            visit.cancel(by=signed_in_user(request), reason=typed["cancel_because"])
        else:
            other = typed["step"] == OTHER
            visit.reschedule(
                to=typed["other_slot"].pk if other else int(typed["step"]),
                by=signed_in_user(request),
            )

    @admin.display(description="because")
    def cause(self, visit: Any) -> str:
        return str(visit.cause)

    @admin.display(description="could be moved to")
    def free(self, visit: Any) -> SafeString:
        return format_html_join("", "{}<br>", ((words,) for _, words in visit.free))
