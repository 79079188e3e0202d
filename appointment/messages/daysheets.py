"""The sheet of a doctor's day: a mail in the morning of a day with visits, to those who want it."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import translation
from django.utils.translation import gettext, ngettext

from accounts.languages import first_supported
from accounts.letters import Letter, plain
from accounts.messages import EMAIL, ENDED, MISSING, NO_ACCOUNT, Message, MessageKind, Unreachable
from accounts.models import OutgoingMessage
from appointment.models import Appointment
from doctor.models import Doctor
from doctor.wall_time import A_DAY, instant_of
from extensions.formats import clock_text, day_text

DAYSHEET = "daysheet"
MORNING = time(6, 30)  # on the clock of the location of the first visit
BEFORE_FIRST = timedelta(hours=1)  # where the first visit begins earlier than an hour after that


def queue_daysheets(at: datetime) -> int:
    """Queue the day sheets that are due at the instant; return how many.

    Each doctor gets one a day: the constraint on a fact refuses a second one. A day whose first
    visit has begun gets none.
    """
    rows = []
    for (_, day), visits in groupby(_coming(at), key=lambda each: (each.doctor_id, each.date)):
        first, *others = visits
        zone = first.location.zone
        morning = min(instant_of(day, MORNING, zone), first.starts_at - BEFORE_FIRST)
        if not morning <= at < first.starts_at:
            continue
        rows.append(
            OutgoingMessage(
                kind=DAYSHEET,
                channel=EMAIL,
                user_id=first.doctor.user_id,
                object_id=first.doctor_id,
                cause=day.toordinal(),
                location=first.location_id,
                created_at=at,
                due_at=at,
                expires_at=max(each.ends_at for each in (first, *others)),
            )
        )
    return _insert_new(rows)


def _coming(at: datetime) -> Iterable[Any]:
    """Return the scheduled visits from yesterday to tomorrow, of the doctors who want the sheet."""
    days = (at.date() - A_DAY, at.date() + A_DAY)
    visits = Appointment.objects.active().filter(
        doctor__wants_daysheet=True, doctor__is_active=True, date__range=days
    )
    return visits.select_related("doctor", "location").order_by("doctor", "date", "starts_at", "pk")


def _insert_new(rows: list[OutgoingMessage]) -> int:
    known = OutgoingMessage.objects.filter(kind=DAYSHEET)
    keys = models.Q()
    for row in rows:
        keys |= models.Q(object_id=row.object_id, cause=row.cause)
    there = set(known.filter(keys).values_list("object_id", "cause")) if rows else set()
    new = [row for row in rows if (row.object_id, row.cause) not in there]
    return len(OutgoingMessage.objects.bulk_create(new, ignore_conflicts=True))


class DaySheet(MessageKind):
    """The visits of a doctor's day: their times, and names only if DOCTOR_FEED_NAMES says so."""

    name = DAYSHEET
    about = "doctor"

    def compose(self, row: Any, at: datetime) -> Message | None:
        """Return the sheet as it is now; None without a visit, or for who does not want it now."""
        wanting = Doctor.objects.active().filter(wants_daysheet=True).select_related("user")
        doctor: Any = wanting.filter(pk=row.object_id).first()
        if doctor is None:
            return None
        day = date.fromordinal(row.cause)
        coming = Appointment.objects.active().filter(doctor=doctor, date=day, starts_at__gt=at)
        visits = list(coming.with_names().order_by("starts_at", "pk"))
        if not visits:
            return None
        if doctor.user is None:
            raise Unreachable(NO_ACCOUNT)
        if not doctor.user.is_active:
            raise Unreachable(ENDED)
        if not doctor.user.has_verified_email:
            raise Unreachable(MISSING[EMAIL])
        with translation.override(first_supported(doctor.user.language)):
            return _letter(day, visits).as_mail(doctor.user.email)


def _letter(day: date, visits: list[Appointment]) -> Letter:
    number = len(visits)
    count = ngettext("%(number)d visit", "%(number)d visits", number) % {"number": number}
    known = {"day": day_text(day), "visits": count}
    places = groupby(visits, key=lambda each: each.location)
    return Letter(
        subject=gettext("Your day, %(day)s: %(visits)s") % known,
        heading=gettext("Your day, %(day)s") % known,
        paragraphs=(count,),
        facts=tuple((plain(place.name), [_line(each) for each in some]) for place, some in places),
        lists_times=True,
        notes=(gettext("As of now: the desk shows what changes during the day."),),
        footer=gettext("You get this because you asked for it at the desk, on the page “My day”."),
    )


def _line(visit: Appointment) -> str:
    zone = visit.location.zone
    span = f"{clock_text(visit.starts_at, zone)}-{clock_text(visit.ends_at, zone)}"
    if not settings.DOCTOR_FEED_NAMES or visit.patient is None:
        return span
    return f"{span} {plain(visit.patient.name)}"
