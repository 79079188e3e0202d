"""Views of the API that leave a trail: whoever is shown a patient's data is written down."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from django.db.models import Model

from accounts.models import AuditEvent

READ_METHODS = ("GET", "HEAD")


def record_read(
    of: Model | type[Model], rows: Iterable[Any], patient: str = "patient", **known: Any
) -> None:
    """Write down that the caller is shown these rows: one event for each patient among them.

    `patient` is the way from a row to whose it is, empty where the row is the patient. A read that
    shows nobody leaves one event all the same, of no patient. It comes before the answer, which
    fails with it.
    """
    whose = attrgetter(patient) if patient else _itself
    patients = {getattr(person, "pk", person): person for person in map(whose, rows)}
    AuditEvent.objects.record("read", of, patients.values() or (None,), **known)


class AuditedViewMixin:
    """A view whose reads leave an event for each patient shown; its refusals do too.

    What a write answers with is told by the event of the write.
    """

    audited_model: type[Model]  # what of a patient the view shows
    patient_path = "patient"
    role_for_others: str | None = None  # the role of whoever reads what is not their own
    role_for_empty_list: str | None = None  # and of whoever is shown nobody
    audited_parameters: tuple[str, ...] = ()  # without one of these, no patient is shown

    def get_object(self) -> Any:
        row = super().get_object()  # type: ignore[misc]
        if self.request.method in READ_METHODS:  # type: ignore[attr-defined]
            self.record_read(row, [row])
        return row

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)  # type: ignore[misc]
        self.record_read(self.audited_model, page or self.rows_for_empty_list())
        return page

    def record_read(self, of: Model | type[Model], rows: Iterable[Any]) -> None:
        """Write down that the caller is shown these rows."""
        rows = list(rows)
        role = self.role_for_others if rows else self.role_for_empty_list
        record_read(of, rows, self.patient_path, otherwise=role)

    def rows_for_empty_list(self) -> Iterable[Any]:
        """Rows, unsaved, of the patients of whom an empty list tells that there is nothing."""
        return ()


def _itself(row: Any) -> Any:
    return row
