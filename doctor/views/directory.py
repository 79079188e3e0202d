"""The public directory of doctors, and sessions, which staff write."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.permissions import SAFE_METHODS, AllowAny
from rest_framework.viewsets import ModelViewSet, ReadOnlyModelViewSet

from doctor.filters import DoctorFilter, ScheduleFilter
from doctor.models import Doctor, Language, Location, Schedule, Specialty
from doctor.serializers import (
    DoctorSerializer,
    LanguageSerializer,
    LocationSerializer,
    ScheduleSerializer,
    SpecialtySerializer,
)
from extensions.rest.filters import NameSearchFilter
from extensions.rest.pagination import LongPaginator
from extensions.rest.permissions import IsReading, IsStaffWithModelPermission


def doctors_of_directory() -> QuerySet[Doctor]:
    """Return the active doctors, with what the API shows of related rows."""
    locations = Schedule.objects.active().where_doctors_practise(timezone.now())
    return Doctor.objects.active().with_directory(locations)


class PublicReadOnly(ReadOnlyModelViewSet[Any]):
    """Base of the read-only views of the directory, which need no login."""

    is_public = True
    permission_classes = (AllowAny,)
    lookup_value_converter = "id"


class DoctorViewSet(PublicReadOnly):
    """List and retrieve active doctors, by last name."""

    queryset = Doctor.objects.active()
    serializer_class = DoctorSerializer
    filter_backends = (DjangoFilterBackend, NameSearchFilter)
    filterset_class = DoctorFilter
    search_fields = ("title", "first_name", "last_name", "specialties__name")

    def get_queryset(self) -> QuerySet[Doctor]:
        """Return the active doctors, with the locations where they practise today or later."""
        return doctors_of_directory()


class SpecialtyViewSet(PublicReadOnly):
    """List and retrieve specialties, by name."""

    queryset = Specialty.objects.all()
    serializer_class = SpecialtySerializer


class LanguageViewSet(PublicReadOnly):
    """List and retrieve the languages that doctors speak, by name."""

    queryset = Language.objects.all()
    serializer_class = LanguageSerializer


class LocationViewSet(PublicReadOnly):
    """List and retrieve the sites of the clinic, by name."""

    queryset = Location.objects.all()
    serializer_class = LocationSerializer


class DoctorsBySpecialtyView(ListAPIView[Doctor]):
    """List the active doctors of one specialty, by last name."""

    is_public = True
    permission_classes = (AllowAny,)
    serializer_class = DoctorSerializer
    queryset = Doctor.objects.active()

    def get_queryset(self) -> QuerySet[Doctor]:
        specialty = get_object_or_404(Specialty, pk=self.kwargs["specialty_id"])
        return doctors_of_directory().filter(specialties=specialty)


class ScheduleViewSet(ModelViewSet[Schedule]):
    """Sessions. Anyone reads the active sessions of active doctors; staff read and write all.

    Staff who are restricted to their sites read and write all sessions there. `count` is exact up
    to 10,000; of a longer list it is a number that the list has at least, and `next` leads on.
    """

    is_public = login_is_optional = True
    acts_as_staff = True
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
        user, sessions = self.request.user, Schedule.objects.all()
        if self.action != "list":
            sessions = sessions.with_places()
        reads = self.request.method in SAFE_METHODS
        return sessions.visible_to(user) if reads else sessions.at_sites_of(user)

    @property
    def paginator(self) -> Any:
        """Return the usual pagination, with the paginator that does not count years of sessions."""
        pagination: Any = super().paginator
        pagination.django_paginator_class = LongPaginator
        return pagination

    def paginate_queryset(self, queryset: Any) -> Any:
        """Return the page; the places are summed for its sessions, and for none before it."""
        keys = super().paginate_queryset(queryset.values_list("pk", flat=True)) or []
        found = Schedule.objects.with_places().in_bulk(keys)
        return [found[key] for key in keys if key in found]

    def perform_destroy(self, instance: Schedule) -> None:
        instance.unpublish()
