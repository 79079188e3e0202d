"""Mixins of API views that record who reads a patient's data."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from django.db.models import Model
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.audit.models import AuditEvent

READ_METHODS = ("GET", "HEAD")


def record_read(
    of: Model | type[Model], rows: Iterable[Any], patient: str = "patient", **known: Any
) -> None:
    """Record, before the response, that the caller reads these rows: one event for each patient.

    `of`: the row, or the model of a list. `patient`: attribute path from a row to its patient or
    the patient's key; empty where the rows are patients. Without rows it adds one event without a
    patient. `role` or `otherwise` in `known`: see `AuditEventQuerySet.record`. An error while
    recording fails the whole call, so that no read goes unrecorded.
    """
    patient_of = attrgetter(patient) if patient else _itself
    patients = {getattr(person, "pk", person): person for person in map(patient_of, rows)}
    AuditEvent.objects.record("read", of, patients.values() or (None,), **known)


class AuditedMixin:
    """The attributes and the method that the mixins below share.

    `accounts.audit.denials` reads `audited_model` and `audited_parameters` of every view.
    """

    audited_model: type[Model]  # the model whose rows the view shows
    # Query parameters, one of which makes the view show rows; if empty, it always shows some.
    audited_parameters: tuple[str, ...] = ()
    patient_path = "patient"  # attribute path from a row to its patient; empty: the row is one
    role_for_others: str | None = None  # the caller's role towards other people's patients
    role_for_empty_list: str | None = None  # the caller's role where the list is empty

    def record_read(self, of: Model | type[Model], rows: Iterable[Any]) -> None:
        """Record that the caller reads these rows."""
        rows = list(rows)
        role = self.role_for_others if rows else self.role_for_empty_list
        record_read(of, rows, self.patient_path, otherwise=role)


# `retrieve` and `list` have no docstring, since the OpenAPI document would show it.


class AuditedRetrieveMixin(AuditedMixin):
    """REST framework's RetrieveModelMixin, which records the read before it answers."""

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        row = self.get_object()  # type: ignore[attr-defined]
        self.record_read(row, [row])
        return Response(self.get_serializer(row).data)  # type: ignore[attr-defined]


class AuditedListMixin(AuditedMixin):
    """REST framework's ListModelMixin for lists with pages; records the read before it answers."""

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rows = self.paginate_queryset(self.get_listed())  # type: ignore[attr-defined]
        self.record_read(self.audited_model, rows or self.rows_for_empty_list())
        data = self.get_serializer(rows, many=True).data  # type: ignore[attr-defined]
        return self.get_paginated_response(data)  # type: ignore[attr-defined]

    def get_listed(self) -> Any:
        """Return the queryset to list, or something else that the view's paginator takes."""
        return self.filter_queryset(self.get_queryset())  # type: ignore[attr-defined]

    def rows_for_empty_list(self) -> Iterable[Any]:
        """Return an unsaved row of each patient to record as read if the list is empty.

        An empty list, too, tells the caller something about the patient.
        """
        return ()


class AuditedViewMixin(AuditedRetrieveMixin, AuditedListMixin):
    """Both mixins, for a viewset that shows single rows and a list."""


def _itself(row: Any) -> Any:
    return row
