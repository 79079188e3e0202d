"""List and read the appointments of the caller and the caller's dependents."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.viewsets import ReadOnlyModelViewSet

from accounts.audit.views import AuditedViewMixin
from appointment.filters import AppointmentFilter
from appointment.models import Appointment
from appointment.serializers import AppointmentDetailSerializer, AppointmentSerializer
from extensions.rest.pagination import CountedPaginator
from patient.models.patient import keys_cared_for_by


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
        return Appointment.objects.of_patients(keys_cared_for_by(self.request.user.pk)).with_names()
