"""Conditions by which patients are found again: the same names and birth date."""

from collections.abc import Iterable
from typing import Any

from django.db import models

from extensions.db.expressions import AmongRows
from extensions.db.names import FoldedNameField


def last_name_is(last_name: str) -> models.Q:
    """Return the condition that a patient has this last name, folded."""
    return models.Q(last_name_key=FoldedNameField.fold(last_name))


def names_and_births(patients: Iterable[Any]) -> models.Q:
    """Return the condition of the names, in either order, and birth date of one of these."""
    rows = []
    for each in patients:
        names = [FoldedNameField.fold(name) for name in (each.last_name, each.first_name)]
        if born := each.date_of_birth:
            rows += [(*order, born.isoformat()) for order in (names, names[::-1])]
    columns = ("last_name_key", "first_name_key", "date_of_birth")
    return models.Q(AmongRows(columns, rows, date_of_birth="date"))
