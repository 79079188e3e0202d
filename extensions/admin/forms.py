"""Forms that write what the user changed and show all errors, and widgets that ignore junk keys."""

import re
from typing import Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect, AutocompleteSelectMultiple
from django.core.exceptions import ValidationError

KEY = re.compile(r"[0-9]{1,18}")


class PrivateLabelsMixin:
    """An autocomplete widget that names the selected rows only to users who may view them.

    The URL of a form that adds a row selects any key (`?patient=7`); the label of the row would
    tell whose it is. `shows_labels`: whether the user may view the related model. Without, a key
    is its own label, whether or not such a row exists. Values that are no primary keys count as
    none.
    """

    shows_labels = True

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        """Return the selected rows as options, in the shape that Django wants."""
        keys = valid_keys(value)
        groups = super().optgroups(name, keys if self.shows_labels else [], attr)  # type: ignore[misc]
        if not self.shows_labels:
            options = groups[0][1]
            for key in keys:
                options.append(self.create_option(name, key, f"#{key}", True, len(options)))  # type: ignore[attr-defined]
        return groups


class Autocomplete(PrivateLabelsMixin, AutocompleteSelect):
    """Django's autocomplete for one row."""


class AutocompleteMultiple(PrivateLabelsMixin, AutocompleteSelectMultiple):
    """Django's autocomplete for several rows, without Select2's button that removes all of them.

    That button stands in a list between its entries, where HTML allows none.
    """

    def build_attrs(self, base_attrs: Any, extra_attrs: Any = None) -> Any:
        return {**super().build_attrs(base_attrs, extra_attrs), "data-allow-clear": "false"}


def shows_labels(field: forms.Field) -> bool:
    """Whether the form field names the row that is selected in it."""
    widget: Any = field.widget
    return bool(getattr(getattr(widget, "widget", widget), "shows_labels", True))


def valid_keys(value: Any) -> list[Any]:
    """Return the values that can be primary keys; the lookup of any other one would raise."""
    return [key for key in value if KEY.fullmatch(str(key))]


class HiddenKeys(forms.HiddenInput):
    """A hidden input with the keys of a multiple choice, joined by commas in one value.

    An empty selection is sent as an empty value, and so differs from a field that was not sent.
    """

    def format_value(self, value: Any) -> str:
        return ",".join(map(str, value or ()))

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        keys = super().value_from_datadict(data, files, name) or ""
        return [key for key in keys.split(",") if key]


class ModelErrorsMixin:
    """A ModelForm that shows each error of the model, also one on a column that it has no field of.

    Django raises ValueError for such a column. `typed_in` maps a column to the field in which the
    user types its value; an error on any other column is one of the form as a whole.
    """

    typed_in: dict[str, str] = {}

    def add_error(self, field: str | None, error: Any) -> None:
        """Add an error to its field or, without such a field, to the form as a whole."""
        if field is None and hasattr(error, "error_dict"):
            for column, errors in error.error_dict.items():
                self.add_error(column, errors)
        else:
            super().add_error(self._field_of(field), error)  # type: ignore[misc]

    def _field_of(self, column: str | None) -> str | None:
        name = self.typed_in.get(column or "", column)
        return name if name in self.fields else None  # type: ignore[attr-defined]


class GuardedForm(ModelErrorsMixin, forms.ModelForm):
    """The form of a page that names no form of its own."""


class PartialUpdateForm(ModelErrorsMixin, forms.ModelForm):
    """A form that carries the values it showed in hidden fields, and so knows what changed.

    Two users may have the same page open: each writes the columns that they changed and no other.
    A client that does not send the hidden fields is taken to have seen the row as it is now.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            sent_back = not self.is_bound or self.add_initial_prefix(name) in self.data
            field.show_hidden_initial = bool(self.instance.pk and sent_back and not field.disabled)
            if isinstance(field, forms.ModelMultipleChoiceField):
                field.hidden_widget = HiddenKeys

    def revised(self) -> dict[str, Any]:
        """Map each column that the user changed to its new value."""
        columns = {field.name for field in self.instance._meta.concrete_fields}
        return {name: getattr(self.instance, name) for name in self.changed_data if name in columns}

    def _save_m2m(self) -> None:
        """Write the many-to-many fields that the user changed."""
        cleaned = self.cleaned_data
        self.cleaned_data = {name: cleaned[name] for name in self.changed_data if name in cleaned}
        super()._save_m2m()  # type: ignore[misc]
        self.cleaned_data = cleaned


class RejectedFormMixin(ModelErrorsMixin):
    """A form that is shown again as typed, with the error that the model raised (`refusal`)."""

    refusal: ValidationError

    def _post_clean(self) -> None:
        """Add the error, unless the form itself now finds one."""
        super()._post_clean()  # type: ignore[misc]
        if not self.errors:  # type: ignore[attr-defined]
            self.add_error(None, self.refusal)
