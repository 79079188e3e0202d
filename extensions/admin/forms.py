"""Forms that write what this person changed, and widgets that survive what nobody would choose."""

import re
from typing import Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect, AutocompleteSelectMultiple
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

KEY = re.compile(r"[0-9]{1,18}")


class Autocomplete(AutocompleteSelect):
    """Choose one by typing."""

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        return super().optgroups(name, valid_keys(value), attr)


class AutocompleteMultiple(AutocompleteSelectMultiple):
    """Choose several by typing."""

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        return super().optgroups(name, valid_keys(value), attr)


def valid_keys(value: Any) -> list[Any]:
    """Those that a table can hold: to look up another to show it selected is itself an error."""
    return [key for key in value if KEY.fullmatch(str(key))]


class HiddenKeys(forms.HiddenInput):
    """A selection as one hidden value, so that an empty one is told from one that is missing."""

    def format_value(self, value: Any) -> str:
        return ",".join(map(str, value or ()))

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        keys = super().value_from_datadict(data, files, name) or ""
        return [key for key in keys.split(",") if key]


class PartialUpdateForm(forms.ModelForm):
    """A form that carries what it showed, and so knows what this person changed.

    Two people may have the same page open: each writes what they changed and no other column. A
    client that does not send back what it was shown is taken to have seen the row as it is now.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            sent_back = not self.is_bound or self.add_initial_prefix(name) in self.data
            field.show_hidden_initial = bool(self.instance.pk and sent_back and not field.disabled)
            if isinstance(field, forms.ModelMultipleChoiceField):
                field.hidden_widget = HiddenKeys

    def revised(self) -> dict[str, Any]:
        """The columns that this person changed, as they are to be."""
        columns = {field.name for field in self.instance._meta.concrete_fields}
        return {name: getattr(self.instance, name) for name in self.changed_data if name in columns}

    def _save_m2m(self) -> None:
        """Write the selections that this person changed."""
        cleaned = self.cleaned_data
        self.cleaned_data = {name: cleaned[name] for name in self.changed_data if name in cleaned}
        super()._save_m2m()  # type: ignore[misc]
        self.cleaned_data = cleaned


class RejectedFormMixin:
    """A form that the verb behind it has refused: shown again, with the reason and as typed."""

    refusal: ValidationError

    def _post_clean(self) -> None:
        """Add the refusal, unless the form can now tell by itself what is wrong, and where."""
        super()._post_clean()  # type: ignore[misc]
        if not self.errors:  # type: ignore[attr-defined]
            for field, errors in self._by_field():
                self.add_error(field, errors)  # type: ignore[attr-defined]

    def _by_field(self) -> list[tuple[str | None, list[ValidationError]]]:
        """The reasons, each beside its field where the form has it."""
        if not hasattr(self.refusal, "error_dict"):
            return [(None, self.refusal.error_list)]
        fields: dict[str, Any] = self.fields  # type: ignore[attr-defined]
        return [
            (name if name in fields and name != NON_FIELD_ERRORS else None, errors)
            for name, errors in self.refusal.error_dict.items()
        ]
