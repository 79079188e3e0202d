"""The form of a patient, which asks before it saves a person who may be there already."""

from collections.abc import Callable

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from extensions.admin.forms import PartialUpdateForm
from extensions.admin.links import change_link
from extensions.admin.past import Confirmation
from patient.models import Patient, PatientQuerySet

CONFIRMED = "same_confirmed"
MOST_SHOWN = 5
IDENTIFYING = frozenset({"first_name", "last_name", "date_of_birth", "phone_number"})


class SamePersonForm(PartialUpdateForm):
    """A form that comes back with a checkbox and links if the person may be there already.

    It asks for a new patient, and for one whose name, birth date or phone number has changed. The
    checkbox is hidden until the form asks; it confirms that none of the people shown is this
    person. The admin sets `visible`, the patients whom the user may see, and `shown`, which
    records that the user saw some.
    """

    visible: PatientQuerySet
    shown: Callable[[list[Patient]], None]

    same_confirmed = forms.CharField(
        required=False, label=_("Save it all the same"), widget=forms.HiddenInput
    )

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        typed = not self.instance.pk or not IDENTIFYING.isdisjoint(self.changed_data)
        if CONFIRMED in self.fields and typed and not self.errors:
            self._ask()

    def _ask(self) -> None:
        """Add the question as an error of the checkbox, and show it, unless it was confirmed."""
        found = list(self.visible.maybe_same(self.instance)[:MOST_SHOWN])
        asked = ",".join(str(patient.pk) for patient in found)
        if not found or self.cleaned_data[CONFIRMED] == asked:
            return
        self.shown(found)
        self.fields[CONFIRMED].widget = Confirmation(asked)
        links = format_html_join(", ", "{}", ((change_link(patient),) for patient in found))
        question = gettext(
            "This person may be there already, with this name and birth date or phone: %(links)s."
        )
        shown = format_html(question % {"links": "{}"}, links)
        self.add_error(CONFIRMED, forms.ValidationError(shown, "maybe_same"))
