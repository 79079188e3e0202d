"""List and read the appointments of the caller and the caller's dependents."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.viewsets import ReadOnlyModelViewSet

from accounts.audit.views import AuditedViewMixin
from appointment.filters import AppointmentFilter, condition_of, order_of
from appointment.models import Appointment
from appointment.models.own_visits import OwnVisits
from appointment.serializers import AppointmentDetailSerializer, AppointmentSerializer
from extensions.rest.filters import valid_values
from extensions.rest.pagination import CountedPaginator
from patient.models.patient import patients_cared_for_by


class AppointmentViewSet(AuditedViewMixin, ReadOnlyModelViewSet[Appointment]):
    """The appointments of the caller and the caller's dependents, latest first."""

    audited_model = Appointment
    queryset = Appointment.objects.with_names()
    serializer_class = AppointmentSerializer
    filterset_class = AppointmentFilter
    lookup_value_converter = "id"

    def get_serializer_class(self) -> type[AppointmentSerializer]:
        """Return the serializer with events for one appointment."""
        return AppointmentDetailSerializer if self.action == "retrieve" else AppointmentSerializer

    @property
    def paginator(self) -> Any:
        """Return the usual pagination, with the paginator that reads page and count at once."""
        pagination: Any = super().paginator
        pagination.django_paginator_class = CountedPaginator
        return pagination

    def get_queryset(self) -> QuerySet[Appointment]:
        """Return the appointments of the caller and the caller's dependents."""
        keys = [patient.pk for patient in patients_cared_for_by(self.request.user.pk)]
        return Appointment.objects.of_patients(keys).with_names()

    def get_listed(self) -> OwnVisits:
        """Return the same appointments as the query chooses, to be read page by page."""
        values = valid_values(AppointmentFilter, self.request)
        patients = patients_cared_for_by(self.request.user.pk)
        return OwnVisits(patients, condition_of(values, timezone.now()), order_of(values))
