"""The file of a calendar feed: the visits of a patient's account, or those with a doctor."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext
from icalendar import Event, vDuration

from accounts.letters import plain
from appointment.calendars.visit import (
    PRODUCT,
    Method,
    Revision,
    called,
    language_of,
    plain_entry,
    span_of,
    uid_of,
    visit_entry,
)
from appointment.models import Appointment, CalendarFeed
from extensions.icalendar import Span, calendar_file

FORMAT = 1  # of the entries; a higher number gives every feed another ETag
ASK_AGAIN = timedelta(hours=1)  # how often calendar programs are told to read the feed


@dataclass(frozen=True)
class FeedFile:
    """What a feed shows at an instant; read in one statement, written only if it has changed."""

    feed: CalendarFeed
    language: str
    visits: list[Appointment]

    @classmethod
    def read(cls, feed: CalendarFeed, at: datetime) -> "FeedFile":
        """Read the visits of a feed that `CalendarFeedQuerySet.with_secret` has found."""
        return cls(feed, language_of(feed.language, feed.user.language), feed.visits(at))

    def state(self) -> tuple[Any, ...]:
        """Return all values on which the file depends: the same values give the same file."""
        head = (FORMAT, self.feed.pk, self.language, settings.DEFAULT_FROM_EMAIL, self.shows_names)
        return head, [_state_of(visit, self.shows_names) for visit in self.visits]

    def content(self) -> bytes:
        """Return the file, in the language of the feed's owner."""
        with self.in_language():
            name = gettext("Visits with you") if self.is_of_doctor else gettext("My visits")
            return calendar_file(
                PRODUCT,
                Method.PUBLISH,
                self._entries(),
                name=name,
                x_wr_calname=name,
                refresh_interval=vDuration(ASK_AGAIN, params={"VALUE": "DURATION"}),
                x_published_ttl=vDuration(ASK_AGAIN),
            )

    def in_language(self) -> AbstractContextManager[None]:
        """Run the block in the language of the feed's owner."""
        return translation.override(self.language)

    @property
    def is_of_doctor(self) -> bool:
        """Whether it is the feed of a doctor."""
        return self.feed.kind == CalendarFeed.Kind.DOCTOR

    @property
    def shows_names(self) -> bool:
        """Whether it is the feed of a doctor, and a setting lets it name patients."""
        return self.is_of_doctor and bool(settings.DOCTOR_FEED_NAMES)

    def _entries(self) -> Iterator[tuple[Event, Span]]:
        for visit in self.visits:
            entry = self._of_doctor if self.is_of_doctor else visit_entry
            yield entry(visit, Revision.read_with(visit)), span_of(visit)

    def _of_doctor(self, visit: Appointment, revision: Revision) -> Event:
        """Return the entry of a visit for its doctor."""
        event = plain_entry(visit, revision, uid_of(visit, of_doctor=True))
        text = gettext("Visit")
        if visit.patient and self.shows_names:
            text = gettext("Visit, %(patient)s") % {"patient": plain(visit.patient.name)}
        event.add("summary", text)
        return event


def _state_of(visit: Appointment, shows_name: bool) -> tuple[Any, ...]:
    """Return the values on which the entry of a visit depends."""
    patient, place = visit.patient, visit.location
    return (
        visit.pk,
        visit.starts_at,
        visit.ends_at,
        visit.status,
        Revision.read_with(visit),
        visit.needs_rebooking,
        visit.doctor.name,
        (place.name, place.address, place.time_zone, str(place.phone)),
        place.cancel_deadline_minutes,
        patient and (patient.is_dependent, called(patient), patient.user_id is None),
        patient and shows_name and patient.name,
    )
