"""Weekly hours of doctors, for staff."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.viewsets import ModelViewSet

from doctor.filters import WeeklyHoursFilter
from doctor.models import WeeklyHours
from doctor.serializers import KeepSerializer, WeeklyHoursSerializer
from extensions.rest.permissions import IsStaffWithModelPermission

with_keep = extend_schema(parameters=[KeepSerializer])


@extend_schema_view(update=with_keep, partial_update=with_keep, destroy=with_keep)
class WeeklyHoursViewSet(ModelViewSet[WeeklyHours]):
    """Weekly hours of doctors; saving them generates sessions and slots.

    A change that would take an appointment's slot away is refused. With `?keep=true` such a slot
    stays instead, closed, and new slots are made around it. Staff who are restricted to their sites
    see and change the hours there.
    """

    acts_as_staff = True
    permission_classes = (IsStaffWithModelPermission,)
    lookup_value_converter = "id"
    queryset = WeeklyHours.objects.all()
    serializer_class = WeeklyHoursSerializer
    filterset_class = WeeklyHoursFilter
    problems = {"get": (403,)}
    conflicts = {
        "post": ("hours_overlap",),
        "put": ("hours_overlap", "schedule_in_use"),
        "patch": ("hours_overlap", "schedule_in_use"),
        "delete": ("schedule_in_use",),
    }

    def get_queryset(self) -> QuerySet[WeeklyHours]:
        return WeeklyHours.objects.at_sites_of(self.request.user)

    def perform_update(self, serializer: Any) -> None:
        serializer.save(keep=self._keep())

    def perform_destroy(self, instance: WeeklyHours) -> None:
        instance.unpublish(keep=self._keep())

    def _keep(self) -> bool:
        query = KeepSerializer(data=self.request.query_params)
        query.is_valid(raise_exception=True)
        return bool(query.validated_data["keep"])
