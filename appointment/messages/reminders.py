"""The job that queues reminders which no verb has queued for the right time.

A verb queues the reminder of a visit for the `reminder_hours` that its location has then. This job
finds reminders that are due by its present hours but wait for later, or were never queued: the
location reminds earlier now, or a version without reminders booked the visit. The sender puts off
a reminder that would come too early (`Reminder.find`).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Subquery

from accounts.models import NotificationChoice, OutgoingMessage
from appointment.messages.history import CHANGES, REMINDER
from appointment.messages.quiet import end_of_quiet
from appointment.models import Appointment, AppointmentEvent
from doctor.models import Location
from doctor.wall_time import A_DAY, hours_before
from extensions.db.batches import batches

LATEST = 6 * A_DAY  # a reminder that was due longer ago than this is not queued any more
CLOCK_CHANGE = timedelta(hours=2)  # a location's clocks move by no more
BATCH = 500


def queue_reminders(at: datetime) -> int:
    """Queue or bring forward the reminders that are due at the instant; return how many.

    A visit that was booked or moved after its reminder was due gets none. Several processes may
    run this at once: the unique constraint on a fact allows one reminder.
    """
    queued = 0
    by_rule: dict[tuple[int, datetime | None], list[Location]] = {}
    for place in Location.objects.filter(reminder_hours__gt=0):
        rule = (place.reminder_hours or 0, end_of_quiet(place, at))
        by_rule.setdefault(rule, []).append(place)
    for (hours, quiet_until), places in by_rule.items():
        visits = _visits(hours, places, at)
        if quiet_until:  # the first run after the quiet hours finds the others
            visits = visits.filter(starts_at__lte=quiet_until)
        queued += _bring_forward(visits, hours, places, at)
        for batch in batches(list(_missing(visits, hours, places, at)), BATCH):
            queued += len(OutgoingMessage.objects.bulk_create(batch, ignore_conflicts=True))
    return queued


def _visits(hours: int, places: list[Location], at: datetime) -> Any:
    """Return the scheduled visits there that begin within the hours, plus CLOCK_CHANGE."""
    until = at + timedelta(hours=hours) + CLOCK_CHANGE
    dates = (at.date() - A_DAY, until.date() + A_DAY)
    near = Appointment.objects.active().filter(location__in=places, date__range=dates)
    return near.filter(starts_at__gt=at, starts_at__lte=until, checked_in_at=None)


def _bring_forward(visits: Any, hours: int, places: list[Location], at: datetime) -> int:
    """Make waiting reminders due that no process has tried and whose hour has come; count them."""
    waiting = OutgoingMessage.objects.unsent().filter(kind=REMINDER, due_at__gt=at, attempts=0)
    of_visits = waiting.filter(object_id=OuterRef("pk"))
    zones = {place.pk: place.zone for place in places}
    rows = visits.filter(Exists(of_visits))
    due = [
        pk
        for pk, starts_at, place in rows.values_list("pk", "starts_at", "location")
        if hours_before(starts_at, hours, zones[place]) <= at
    ]
    return sum(
        waiting.filter(object_id__in=batch).update(due_at=at) for batch in batches(due, BATCH)
    )


def _missing(
    visits: Any, hours: int, places: list[Location], at: datetime
) -> Iterator[OutgoingMessage]:
    """Yield the reminders, unsaved, of visits that have none since they were booked or moved."""
    zones = {place.pk: place.zone for place in places}
    changes = AppointmentEvent.objects.filter(CHANGES, appointment=OuterRef("pk")).order_by("-pk")
    reminders = OutgoingMessage.objects.filter(
        kind=REMINDER, object_id=OuterRef("pk"), cause__gte=OuterRef("cause")
    )
    rows = visits.annotate(
        cause=Subquery(changes.values("pk")[:1]), changed_at=Subquery(changes.values("at")[:1])
    )
    unwanted = NotificationChoice.objects.unwanted(REMINDER).filter(user=OuterRef("patient__user"))
    found = rows.filter(~Exists(reminders), cause__isnull=False, patient__isnull=False)
    found = found.filter(~Exists(unwanted))  # the sender would delete them, each time
    columns = ("pk", "starts_at", "location", "cause", "changed_at", "patient__user")
    for pk, starts_at, place, cause, changed_at, user in found.values_list(*columns):
        due = hours_before(starts_at, hours, zones[place])
        if changed_at < due <= at < due + LATEST:
            yield OutgoingMessage(
                kind=REMINDER,
                object_id=pk,
                cause=cause,
                location=place,
                user_id=user,
                created_at=at,
                due_at=at,
                expires_at=starts_at,
            )
