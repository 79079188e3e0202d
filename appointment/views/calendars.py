"""Calendar files: of one visit, and of the feeds that calendar programs read by a secret address.

docs/calendars.md says what is in them, and who can read them.
"""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone, translation
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.mixins import DestroyModelMixin, ListModelMixin
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from accounts.audit.views import AuditedMixin, record_read
from accounts.authentication import IgnoreCredentials
from accounts.models import AuditEvent
from accounts.requests import SignedInRequest
from appointment.calendars.feed import FeedFile
from appointment.calendars.visit import Method, Revision, language_of, visit_file
from appointment.models import Appointment, CalendarFeed, Status
from appointment.models.calendar_feed import with_revisions
from appointment.serializers.calendars import (
    CalendarFeedSerializer,
    MadeFeedSerializer,
    NewFeedSerializer,
)
from extensions.icalendar import MEDIA_TYPE
from extensions.rest.conditional import (
    ETAG,
    IF_NONE_MATCH,
    NOT_MODIFIED,
    PRIVATE_MINUTES,
    PRIVATE_REVALIDATE,
    etag_of,
    file_if_changed,
)
from extensions.rest.negotiation import OnlyFormat
from extensions.rest.renderers import CalendarRenderer
from patient.models.patient import patients_cared_for_by

# For the OpenAPI document: what a calendar file looks like.
EXAMPLE = OpenApiExample(
    "A visit",
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Clinic appointments//Visits//EN\r\n"
    "METHOD:PUBLISH\r\nBEGIN:VEVENT\r\nUID:7d97b418-fdae-53c4-bb92-671298762329\r\n"
    "DTSTAMP:20261123T100000Z\r\nSEQUENCE:0\r\nDTSTART:20261201T080000Z\r\n"
    "DTEND:20261201T083000Z\r\nSUMMARY:Visit\\, Dr. Elena Ruiz\\, Clinic Centro\r\n"
    "STATUS:CONFIRMED\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    media_type=MEDIA_TYPE,
)
FILE = {(200, MEDIA_TYPE): OpenApiTypes.STR, 304: NOT_MODIFIED}
DISPOSITION = OpenApiParameter(
    "Content-Disposition", str, "header", response=[200], description="`attachment`, with a name."
)
SECRET = OpenApiParameter(
    "secret",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
    "path",
    description="Of the feed.",
)
DESCRIBED: dict[str, Any] = {
    "parameters": [IF_NONE_MATCH, ETAG, DISPOSITION],
    "responses": FILE,
    "examples": [EXAMPLE],
}


class VisitCalendarView(AuditedMixin, GenericAPIView[Appointment]):
    """The calendar file of one visit of the caller or a dependent."""

    audited_model = Appointment
    queryset = Appointment.objects.with_names()
    renderer_classes = (CalendarRenderer,)
    content_negotiation_class = OnlyFormat

    def get_queryset(self) -> QuerySet[Appointment]:
        """Return the appointments of the caller and dependents, each with its revision."""
        keys = [patient.pk for patient in patients_cared_for_by(self.request.user.pk)]
        return with_revisions(Appointment.objects.of_patients(keys).with_names())

    @extend_schema(operation_id="appointment_my_appointments_calendar", **DESCRIBED)
    def get(self, request: SignedInRequest, pk: int) -> Response:
        """Return the visit as a calendar file (RFC 5545), to open with a calendar.

        A later file of the same visit has the same UID and, once the visit was moved or canceled, a
        higher SEQUENCE: calendars change their entry. The file of a canceled visit has the method
        CANCEL, by which they drop it. Texts are in the patient's language, else the account's.
        """
        visit = self.get_object()
        self.record_read(visit, [visit])
        method = Method.CANCEL if visit.status == Status.CANCELED else Method.PUBLISH
        preferred = visit.patient.preferred_language if visit.patient else None
        language = language_of(preferred, request.user.language)
        with translation.override(language):
            content = visit_file(visit, method, Revision.read_with(visit))
        headers = headers_of(f"visit-{visit.pk}.ics", PRIVATE_REVALIDATE, language)
        return file_if_changed(request, etag_of(content), lambda: content, headers)


class CalendarFeedViewSet(
    AuditedMixin, ListModelMixin, DestroyModelMixin, GenericViewSet[CalendarFeed]
):
    """The caller's calendar feeds, the newest first."""

    audited_model = CalendarFeed
    queryset = CalendarFeed.objects.all()
    serializer_class = CalendarFeedSerializer
    lookup_value_converter = "id"
    conflicts = {"post": ("too_many_feeds",)}

    def get_queryset(self) -> QuerySet[CalendarFeed]:
        """Return the caller's feeds."""
        return CalendarFeed.objects.filter(user=self.request.user.pk)

    @extend_schema(request=NewFeedSerializer, responses={201: MadeFeedSerializer})
    def create(self, request: SignedInRequest) -> Response:
        """Make a feed: an address under which a calendar program reads the caller's visits.

        Its address needs no login. It is valid until the feed is revoked, the password is changed
        or the account signs out everywhere. The answer alone has the address: it cannot be shown
        again. The feed of a `patient` has the visits of the caller and dependents, of a `doctor`
        those with the caller, without names of patients. `too_many_feeds`: an account has ten at
        most.
        """
        body = NewFeedSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        feed = CalendarFeed.objects.make(request.user, **body.validated_data)
        url = reverse("calendar-feed-file", [feed.secret], request=request)
        data = MadeFeedSerializer(feed, context={"url": url}).data
        return Response(data, status.HTTP_201_CREATED)

    def perform_destroy(self, instance: CalendarFeed) -> None:
        instance.revoke()


class FeedFileView(APIView):
    """The file of a feed, for calendar programs: its secret address is the permission."""

    is_public = True
    authentication_classes = (IgnoreCredentials,)
    permission_classes = (AllowAny,)
    renderer_classes = (CalendarRenderer,)
    content_negotiation_class = OnlyFormat

    @extend_schema(operation_id="appointment_calendar_feed_file", parameters=[SECRET])
    @extend_schema(**DESCRIBED)
    def get(self, request: Request, secret: str) -> Response:
        """Return the visits of a feed as a calendar file (RFC 5545).

        A calendar program asks for it again and again, with the ETag in If-None-Match. Of a patient
        it has the visits of the last 90 days and all to come, of a doctor those of the last 7 days
        and to come, 500 at most. A canceled visit is in it for 30 days, with the status CANCELLED.
        A feed that is unknown, revoked or of a closed account is 404.
        """
        file = FeedFile.read(CalendarFeed.objects.with_secret(secret).get(), timezone.now())
        headers = headers_of("visits.ics", PRIVATE_MINUTES, file.language)
        return file_if_changed(request, etag_of(file.state()), lambda: written(file), headers)


def written(file: FeedFile) -> bytes:
    """Return the file, and record that the feed's owner reads the patients that it names.

    It is called for a changed file only: an unchanged one shows the program nothing new.
    """
    feed = file.feed
    known: dict[str, Any] = {"actor": feed.user}
    if not file.is_of_doctor:
        AuditEvent.objects.record("read", feed, feed.people(), **known)
    elif file.shows_names:
        record_read(feed, file.visits, role=AuditEvent.Role.DOCTOR, **known)
    else:
        record_read(feed, (), role=AuditEvent.Role.DOCTOR, **known)
    return file.content()


def headers_of(name: str, kept: str, language: str) -> dict[str, str]:
    """Return the headers of a calendar file. `kept`: the value of Cache-Control."""
    return {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": kept,
        "Content-Language": language,
    }
