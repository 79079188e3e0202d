"""What staff type to book and move a visit, and why they set a rule aside."""

from typing import Any

from django import forms
from django.contrib.admin.helpers import ActionForm

from appointment.exceptions import NotCancelable
from extensions.admin.forms import PartialUpdateForm

LONGEST = 500
WHY = (
    "Only to set the location's rules aside: its notice, horizon, visits per patient and cancel "
    "deadline. It is kept in the history."
)


class AppointmentForm(PartialUpdateForm):
    """A visit, and the reason for which its booking or move passes over the location's rules."""

    override_reason = forms.CharField(
        required=False,
        max_length=LONGEST,
        help_text=WHY,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )

    def clean(self) -> dict[str, Any]:
        """Hand the reason to the visit, which is where its verbs find it.

        Raises ValidationError for another slot where, since the page was opened, the visit has
        come to an end: else the page would say that all is done.
        """
        slot = self.data.get(self.add_prefix("slot"))
        if slot and "slot" not in self.fields and slot != str(self.instance.slot_id):
            raise forms.ValidationError(NotCancelable.message, code=NotCancelable.code)
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self.instance.override_reason = cleaned.get("override_reason", "")
        return cleaned


class OverridingActionForm(ActionForm):
    """An action, and the reason for which a cancelation passes over the deadline."""

    override_reason = forms.CharField(
        required=False, max_length=LONGEST, label="Override reason (to cancel):"
    )
