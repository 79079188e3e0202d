"""Weekly hours of doctors, for staff."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet

from doctor.filters import WeeklyHoursFilter
from doctor.models import WeeklyHours
from doctor.models.hours_preview import preview_deletion
from doctor.serializers import (
    HOURS_OR_PREVIEW,
    HOURS_OR_PREVIEW_EXAMPLES,
    HoursPreviewQuerySerializer,
    HoursPreviewSerializer,
    KeepSerializer,
    VersionSerializer,
    WeeklyHoursSerializer,
)
from extensions.rest.permissions import IsStaffWhoAddsAndChanges, IsStaffWithModelPermission

changes = extend_schema(
    parameters=[KeepSerializer],
    responses={200: HOURS_OR_PREVIEW},
    examples=HOURS_OR_PREVIEW_EXAMPLES,
)


@extend_schema_view(
    create=extend_schema(
        parameters=[HoursPreviewQuerySerializer],
        responses={200: HoursPreviewSerializer, 201: WeeklyHoursSerializer},
    ),
    update=changes,
    partial_update=changes,
    destroy=extend_schema(
        parameters=[KeepSerializer], responses={200: HoursPreviewSerializer, 204: None}
    ),
    versions=extend_schema(
        parameters=[KeepSerializer],
        request=VersionSerializer,
        responses={200: HoursPreviewSerializer, 201: WeeklyHoursSerializer},
    ),
)
class WeeklyHoursViewSet(ModelViewSet[WeeklyHours]):
    """Weekly hours of doctors; saving them generates sessions and slots.

    A change that would take an appointment's slot away is refused. With `?keep=true` such a slot
    stays instead, closed, and new slots are made around it. With `?preview=true` nothing is saved:
    the answer says how many coming sessions the change would remove, change and add, and names the
    appointments that would lose their slot. Staff who are restricted to their sites see and change
    the hours there.
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

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Add weekly hours. With `preview=true` save nothing, and return what it would do."""
        hours = self.get_serializer(data=request.data)
        return self._save(hours, HoursPreviewQuerySerializer, 201)

    def update(
        self, request: Request, *args: Any, partial: bool = False, **kwargs: Any
    ) -> Response:
        """Change weekly hours, from tomorrow on. With `preview=true` only say what it would do."""
        hours = self.get_serializer(self.get_object(), data=request.data, partial=partial)
        return self._save(hours, KeepSerializer, 200)

    @action(
        detail=True,
        methods=["post"],
        permission_classes=[IsStaffWhoAddsAndChanges],
        serializer_class=VersionSerializer,
        conflicts={"post": ("hours_overlap", "schedule_in_use")},
    )
    def versions(self, request: Request, pk: int) -> Response:
        """Change weekly hours from a date on: they end the day before, and new ones begin."""
        hours = self.get_serializer(self.get_object(), data=request.data)
        return self._save(hours, KeepSerializer, 201)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete weekly hours and their sessions from tomorrow on, or preview that."""
        hours, query = self.get_object(), self._query(KeepSerializer)
        if query["preview"]:
            return _answer(preview_deletion(hours, timezone.now()))
        hours.unpublish(keep=query["keep"])
        return Response(status=204)

    def _save(self, hours: Any, query_serializer: Any, status: int) -> Response:
        """Save what the serializer has read, or answer what that would do."""
        query = self._query(query_serializer)
        hours.is_valid(raise_exception=True)
        if query.pop("preview"):
            return _answer(hours.preview())
        hours.save(**query)
        return Response(hours.data, status)

    def _query(self, serializer: Any) -> dict[str, Any]:
        query = serializer(data=self.request.query_params)
        query.is_valid(raise_exception=True)
        return dict(query.validated_data)


def _answer(preview: Any) -> Response:
    return Response(HoursPreviewSerializer(preview).data)
