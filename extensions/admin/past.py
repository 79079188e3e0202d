"""Forms that ask before they save something that lies in the past: a wrong year is easily typed."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from extensions.admin.forms import PartialUpdateForm

CONFIRMED = "past_confirmed"


class Confirmation(forms.CheckboxInput):
    """An unchecked checkbox whose value is what the form asks about, not just "on"."""

    def __init__(self, asked: str) -> None:
        super().__init__(check_test=lambda value: False)
        self.asked = asked

    def format_value(self, value: Any) -> str:
        return self.asked


class PastAwareForm(PartialUpdateForm):
    """A form that comes back with a checkbox if what was typed lies in the past.

    It asks for a new row, and for a row whose `asked_fields` have changed. The checkbox, which is
    in the admin's `fields`, is hidden until the form asks. It confirms what the form asked about:
    another date in the past is asked about again.
    """

    past_confirmed = forms.CharField(
        required=False, label=_("Save it anyway"), widget=forms.HiddenInput
    )
    asked_fields: frozenset[str] = frozenset()

    def past_question(self, at: datetime) -> tuple[str, datetime] | None:
        """Return what lies in the past, as the words before "… ago", and since when; else None."""
        raise NotImplementedError

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if CONFIRMED in self.fields and not self.errors:
            self._ask(timezone.now())

    def _ask(self, at: datetime) -> None:
        """Add the question as an error of the checkbox, and show it, unless it was confirmed."""
        typed = not self.instance.pk or not self.asked_fields.isdisjoint(self.changed_data)
        question = self.past_question(at) if typed else None
        if question is None:
            return
        words, since = question
        asked = f"{words} ({since.isoformat()})"
        if self.cleaned_data[CONFIRMED] != asked:
            self.fields[CONFIRMED].widget = Confirmation(asked)
            ago: Any = timesince(since, at, depth=1).replace("\xa0", " ")
            sentence = gettext("%(what)s, %(time)s ago.") % {"what": words, "time": ago}
            self.add_error(CONFIRMED, sentence)
