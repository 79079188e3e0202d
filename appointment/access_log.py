"""The access log of a patient in words: a line for each person, patient and day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, overload
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import CharField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEvent
from appointment.models import Appointment
from doctor.models import Location
from extensions.formats import day_text
from patient.models import Patient

Role = AuditEvent.Role

ACTIONS = {
    "read": _("read %(kinds)s"),
    "create": _("added %(kinds)s"),
    "change": _("changed %(kinds)s"),
    "delete": _("deleted %(kinds)s"),
    "erase": _("erased %(kinds)s"),
    "export": _("exported %(kinds)s"),
    "merge": _("merged %(kinds)s"),
}
KINDS = {
    "patient.patient": _("the record"),
    "patient.medicalhistory": _("the medical history"),
    "patient.emergencyaccess": _("an emergency access"),
    "patient.claimcode": _("a code for the record"),
    "appointment.appointment": _("visits"),
    "appointment.waitlistentry": _("the waitlist"),
    "appointment.offer": _("offers"),
    "accounts.user": _("the account"),
}
OTHER_KIND = _("other data")
GROUPED = ("at", "actor_id", "role", "whose", "action", "kind", "emergency")
ROLES = {
    Role.PATIENT: _("patient"),
    Role.DOCTOR: _("doctor"),
    Role.STAFF: _("staff"),
    Role.SYSTEM: _("system"),
    Role.STRANGER: _("stranger"),
}
NAMELESS = {
    Role.PATIENT: _("You"),
    Role.DOCTOR: _("A doctor"),
    Role.STAFF: _("A member of staff"),
    Role.SYSTEM: _("The system"),
    Role.STRANGER: _("A person without an account"),
}


@dataclass(frozen=True)
class AccessLine:
    """What one person did with one patient's data on one day.

    `events` are the columns GROUPED of the events, the latest first. Its other attributes are those
    of the latest event, such as `at`, `action` and `actor_name`.
    """

    date: date
    zone: ZoneInfo
    events: list[Any]
    latest: AuditEvent

    def __getattr__(self, name: str) -> Any:
        return getattr(self.latest, name)

    @property
    def emergency(self) -> bool:
        """Whether any of the events is of an emergency access."""
        return any(event.emergency for event in self.events)

    @property
    def count(self) -> int:
        """The number of events."""
        return len(self.events)

    @property
    def text(self) -> str:
        """One sentence: who did what, when, on the clock of the clinic."""
        named = {"who": self._who(), "did": self._what(), "when": self._when()}
        sentence = gettext("%(who)s %(did)s %(when)s.") % named
        if not self.emergency:
            return sentence
        return f"{sentence} {gettext('This includes an emergency access.')}"

    def _who(self) -> str:
        name, role = self.latest.public_name, Role(self.latest.role)
        return f"{name} ({ROLES[role]})" if name else str(NAMELESS[role])

    def _what(self) -> str:
        done: dict[str, list[str]] = {}
        for event in reversed(self.events):
            kinds = done.setdefault(event.action, [])
            kind = str(KINDS.get(event.kind, OTHER_KIND))
            if kind not in kinds:
                kinds.append(kind)
        parts = [ACTIONS[action] % {"kinds": _listed(kinds)} for action, kinds in done.items()]
        if len(parts) == 1:
            return parts[0]
        named = {"first": ", ".join(parts[:-1]), "last": parts[-1]}
        return gettext("%(first)s, and %(last)s") % named

    def _when(self) -> str:
        first, last = self.events[-1].at, self.events[0].at
        clock = f"{last.astimezone(self.zone):%H:%M %Z}"
        if f"{first.astimezone(self.zone):%H:%M %Z}" == clock:
            return gettext("on %(day)s at %(time)s") % {"day": day_text(self.date), "time": clock}
        return gettext("on %(day)s between %(first)s and %(last)s") % {
            "day": day_text(self.date),
            "first": f"{first.astimezone(self.zone):%H:%M}",
            "last": clock,
        }


class AccessLines(Sequence[AccessLine]):
    """The lines of these events, which have `whose`, the key of their patient; latest first.

    A day is that of the clinic: of the location of the patient's latest visit or, without one, of
    the first location by name. Of all events only the columns GROUPED are read, in one statement,
    and of the latest events of the lines that are asked for all columns, in another.
    """

    def __init__(self, events: QuerySet[AuditEvent], patients: QuerySet[Patient]) -> None:
        self.events = events
        zones = {key: ZoneInfo(zone) for key, zone in clinic_zones(patients) if zone}
        default = ZoneInfo(settings.TIME_ZONE)
        groups: dict[tuple[Any, ...], list[Any]] = {}
        for event in events.values_list("pk", *GROUPED, named=True):
            zone = zones.get(event.whose, default)
            day = event.at.astimezone(zone).date()
            role = event.role if event.actor_id is None else ""
            groups.setdefault((day, zone, event.actor_id, role, event.whose), []).append(event)
        self.groups = [(day, zone, rows) for (day, zone, *_), rows in groups.items()]

    def __len__(self) -> int:
        return len(self.groups)

    @overload
    def __getitem__(self, place: int) -> AccessLine: ...
    @overload
    def __getitem__(self, place: slice) -> list[AccessLine]: ...
    def __getitem__(self, place: Any) -> Any:
        """Return the line, or those of a page; a line whose latest event was purged is left out."""
        if not isinstance(place, slice):
            return self[place : place + 1 or None][0]
        shown = self.groups[place]
        latest = self.events.in_bulk([rows[0].pk for *_, rows in shown])
        return [
            AccessLine(day, zone, rows, latest[rows[0].pk])
            for day, zone, rows in shown
            if rows[0].pk in latest
        ]


def clinic_zones(patients: QuerySet[Patient]) -> QuerySet[Any]:
    """Return pairs of a patient's key and the time zone of the clinic, in one query."""
    visits = Appointment.objects.filter(patient=OuterRef("pk"))
    latest = visits.order_by("-starts_at", "-pk").values("location__time_zone")[:1]
    first = Location.objects.order_by("name", "pk").values("time_zone")[:1]
    zone = Coalesce(Subquery(latest), Subquery(first), output_field=CharField())
    return patients.order_by().annotate(zone=zone).values_list("pk", "zone")


def _listed(words: list[str]) -> str:
    if len(words) == 1:
        return words[0]
    return gettext("%(first)s and %(last)s") % {"first": ", ".join(words[:-1]), "last": words[-1]}
