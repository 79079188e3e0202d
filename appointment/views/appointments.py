"""List and read the appointments of the caller and the caller's dependents."""

from django.db.models import QuerySet
from rest_framework.viewsets import ReadOnlyModelViewSet

from accounts.audit.views import AuditedViewMixin
from appointment.filters import AppointmentFilter
from appointment.models import Appointment
from appointment.serializers import AppointmentDetailSerializer, AppointmentSerializer


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

    def get_queryset(self) -> QuerySet[Appointment]:
        """Return the appointments of the caller and the caller's dependents."""
        return Appointment.objects.visible_to(self.request.user).with_names()
