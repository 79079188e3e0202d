"""The public directory and calendar; writing sessions is for staff."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet, ReadOnlyModelViewSet

from accounts.permissions import IsReading, IsStaffWithModelPermission
from doctor.filters import DoctorFilter, ScheduleFilter, SearchTerms
from doctor.models import Doctor, Language, Location, Schedule, Slot, Specialty
from doctor.models.directory import earliest_today
from doctor.models.rule import Terms
from doctor.serializers import (
    AvailableSlotsSerializer,
    DoctorSerializer,
    LanguageSerializer,
    LocationSerializer,
    ScheduleSerializer,
    SpecialtySerializer,
    WindowSerializer,
)


class PublicReadOnly(ReadOnlyModelViewSet[Any]):
    """A directory that anybody may read."""

    is_public = True
    permission_classes = (AllowAny,)
    lookup_value_converter = "id"


class DoctorViewSet(PublicReadOnly):
    """Active doctors, by last name."""

    queryset = Doctor.objects.active().with_directory()
    serializer_class = DoctorSerializer
    filter_backends = (DjangoFilterBackend, SearchTerms)
    filterset_class = DoctorFilter
    search_fields = ("first_name", "last_name", "specialties__name")


class SpecialtyViewSet(PublicReadOnly):
    """Fields of practice, by name."""

    queryset = Specialty.objects.all()
    serializer_class = SpecialtySerializer


class LanguageViewSet(PublicReadOnly):
    """Languages that doctors speak, by name."""

    queryset = Language.objects.all()
    serializer_class = LanguageSerializer


class LocationViewSet(PublicReadOnly):
    """Sites of the clinic, by name."""

    queryset = Location.objects.all()
    serializer_class = LocationSerializer


class DoctorsBySpecialtyView(ListAPIView[Doctor]):
    """Active doctors of one specialty, by last name."""

    is_public = True
    permission_classes = (AllowAny,)
    serializer_class = DoctorSerializer
    queryset = Doctor.objects.active().with_directory()

    def get_queryset(self) -> QuerySet[Doctor]:
        specialty = get_object_or_404(Specialty, pk=self.kwargs["specialty_id"])
        return super().get_queryset().filter(specialties=specialty)


class ScheduleViewSet(ModelViewSet[Schedule]):
    """Sessions: anybody reads the active ones of active doctors, staff all; staff write."""

    is_public = True
    permission_classes = (IsReading | IsStaffWithModelPermission,)
    lookup_value_converter = "id"
    queryset = Schedule.objects.all()
    serializer_class = ScheduleSerializer
    filterset_class = ScheduleFilter
    conflicts = {
        "post": ("schedule_overlap",),
        "put": ("schedule_overlap", "schedule_in_use"),
        "patch": ("schedule_overlap", "schedule_in_use"),
        "delete": ("schedule_in_use",),
    }

    def get_queryset(self) -> QuerySet[Schedule]:
        return Schedule.objects.visible_to(self.request.user).with_places()

    def perform_destroy(self, instance: Schedule) -> None:
        instance.unpublish()


class AvailableSlotsView(APIView):
    """What can be booked of one doctor now, earliest first."""

    is_public = True
    problems = {"get": (400,)}
    permission_classes = (AllowAny,)

    @extend_schema(parameters=[WindowSerializer], responses=AvailableSlotsSerializer)
    def get(self, request: Request, doctor_id: int) -> Response:
        """What can be booked of one doctor now, earliest first: one page, bounded by its window."""
        asked = WindowSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        at, location = timezone.now(), asked.validated_data.get("location")
        locations = Doctor.objects.active().locations_of(doctor_id)
        first, last = asked.window(earliest_today(locations, at, location))
        slots = Slot.objects.filter(doctor=doctor_id).on(Terms(at, tuple(locations)))
        here = slots if location is None else slots.at_location(location)
        rows = here.between(first, last).order_by("starts_at", "pk").as_listed(at)
        return Response({"doctor": doctor_id, "from": first, "to": last, "results": rows})
