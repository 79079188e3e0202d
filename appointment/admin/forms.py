"""Forms with which staff book, move and cancel visits."""

from typing import Any

from django import forms
from django.contrib.admin.helpers import ActionForm
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appointment.exceptions import NotCancelable
from extensions.admin.forms import PartialUpdateForm
from extensions.text import validate_one_line

MAX_REASON_LENGTH = 500
OVERRIDE_HELP = _(
    "Fill this in only to set aside a rule (notice, horizon, visits per patient, cancel deadline), "
    "to book a time that has begun, or to move a visit into or out of one. The history keeps it."
)
SQUEEZE_HELP = _(
    "If the time is full, add a place to it for this patient. Say below why. The box "
    "of times finds full ones if you type their date or time of day."
)


class ReasonField(forms.CharField):
    """The reason that staff give: one line, which may be empty. Spaces alone are not a reason."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, max_length=MAX_REASON_LENGTH, **options)

    def clean(self, value: Any) -> str:
        """Return the text; raises ValidationError unless it is one line that can be seen."""
        text: str = super().clean(value)
        validate_one_line(text)
        return text


class WideReasonField(ReasonField):
    """A reason on the page of a row, as wide as other texts there."""

    widget = forms.TextInput(attrs={"class": "vTextField"})


class AppointmentForm(PartialUpdateForm):
    """A visit, and the reason for which staff set aside a rule of the location."""

    override_reason = WideReasonField(label=_("Book anyway because"), help_text=OVERRIDE_HELP)
    squeeze_in = forms.BooleanField(
        required=False, label=_("Squeeze the patient in"), help_text=SQUEEZE_HELP
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk and "override_reason" in self.fields:
            self.fields["override_reason"].label = gettext("Move it anyway because")

    def clean(self) -> dict[str, Any]:
        """Put the override reason and the squeeze-in on the visit, where the verbs read them.

        Raises ValidationError for another slot once the visit can no longer be moved. Without it,
        a page opened before that would report success and move nothing.
        """
        slot = self.data.get(self.add_prefix("slot"))
        if slot and "slot" not in self.fields and slot != str(self.instance.slot_id):
            raise forms.ValidationError(NotCancelable.staff_message, code=NotCancelable.code)
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self.instance.override_reason = cleaned.get("override_reason", "")
        self.instance.squeeze_in = cleaned.get("squeeze_in", False)
        return cleaned


class OverridingActionForm(ActionForm):
    """The choice of an admin action, and the reason for which staff set a rule aside.

    With a reason staff cancel after the deadline or the start, or undo a cancelation although the
    location needs more notice.
    """

    override_reason = ReasonField(label=_("Cancel or undo anyway because:"))


class WorkListActionForm(OverridingActionForm):
    """The choice of an action on the work list, and the reason for which staff keep visits."""

    override_reason = ReasonField(label=_("Cancel anyway because:"))
    keep_reason = ReasonField(label=_("Keep because:"))
