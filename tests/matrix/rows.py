"""The changes of a call in the whole database, column by column."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from django.apps import apps
from django.contrib.sessions.models import Session

Row = dict[str, Any]
Rows = dict[tuple[str, Any], Row]  # by model and key

# These columns differ from one call to the next, whatever the call sends.
CHANCE = {
    "digest",
    "message_id",
    "password",
    "previous_secret",
    "request_id",
    "secret",
    "token_key",
}


def stored() -> Rows:
    """Return every row of every table, except Django's sessions."""
    return {
        (model._meta.label_lower, row[model._meta.pk.attname]): row
        for model in apps.get_models()
        if not model._meta.proxy and model is not Session
        for row in model._base_manager.order_by().values()
    }


class Change:
    """The difference between two results of `stored()`."""

    def __init__(self, before: Rows, after: Rows) -> None:
        self.before, self.after = before, after
        self.new = {key for key in after if key not in before}
        self.gone = {key for key in before if key not in after}

    def columns(self) -> set[str]:
        """Return `model.column` of what changed, `+model` of new rows, `-model` of deleted rows."""
        written = {f"{model}.{column}" for model, _, column, _ in self._written()}
        return written | {f"+{key[0]}" for key in self.new} | {f"-{key[0]}" for key in self.gone}

    def content(self) -> list[str]:
        """Return the whole difference as sorted lines, without the columns of CHANCE.

        The key of a new row reads "new", so that equal calls have equal lines.
        """
        written = [
            f"{model} {key} {column}={value!r}"
            for model, key, column, value in self._written()
            if column not in CHANCE
        ]
        added = [f"+{model} {self._without_chance(model, key)}" for model, key in self.new]
        return sorted([*written, *added, *(f"-{model} {key}" for model, key in self.gone)])

    def _written(self) -> Iterator[tuple[str, Any, str, Any]]:
        for (model, key), row in self.after.items():
            old = self.before.get((model, key), row)
            for column, value in row.items():
                if old[column] != value:
                    yield model, key, column, value

    def _without_chance(self, model: str, key: Any) -> Row:
        row = self.after[model, key]
        names = {column: model_named(model, column) for column in row}
        if (
            model == "accounts.auditevent"
        ):  # its keys are plain numbers, which stay when the row is gone
            names |= {"object_id": row["kind"], "patient_id": "patient.patient"}
        if model == "accounts.outgoingmessage":  # the same
            of, by = (
                ("offer", "offer")
                if row["kind"] == "offer"
                else ("appointment", "appointmentevent")
            )
            names |= {"object_id": f"appointment.{of}", "cause": f"appointment.{by}"}
        if model == "appointment.webhookdelivery":  # the same
            names |= {"event": "appointment.appointmentevent", "offer": "appointment.offer"}
        return {
            column: "new" if (names[column], value) in self.new else value
            for column, value in row.items()
            if column not in CHANCE
        }


@cache
def model_named(label: str, column: str) -> str:
    """Return the label of the model whose key a column holds, or "" if it holds no key."""
    model = apps.get_model(label)
    field = next(field for field in model._meta.fields if field.attname == column)
    named = model if field.primary_key and not field.related_model else field.related_model
    return named._meta.label_lower if named else ""
