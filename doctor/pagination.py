"""Pages of slots by where they stand in time, not by how many came before.

A page begins after the last slot of the one before it, told by (starts_at, id), so that slots which
are booked or freed meanwhile neither push one over to the next page nor pull one off it, and the
hundredth page costs what the first does: there is no OFFSET. (REST framework's CursorPagination
counts an OFFSET among equal keys.)
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q
from rest_framework.request import Request
from rest_framework.utils.urls import remove_query_param, replace_query_param

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
TOLD = re.compile(r"([0-9]{1,16})\|([0-9]{1,18})\|([np])")  # until the year 2286


@dataclass(frozen=True)
class Cursor:
    """A place in the order of slots, just after the one told, and the direction of reading."""

    starts_at: datetime = EPOCH
    pk: int = 0
    forward: bool = True

    def __str__(self) -> str:
        """What a client sends back, opaque to it."""
        instant = (self.starts_at - EPOCH) // MICROSECOND
        told = f"{instant}|{self.pk}|{'n' if self.forward else 'p'}"
        return urlsafe_b64encode(told.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """The cursor that was told so; raises ValueError for what never was."""
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        found = TOLD.fullmatch(urlsafe_b64decode(padded).decode("ascii"))
        if found is None:
            raise ValueError(text)
        instant = EPOCH + int(found[1]) * MICROSECOND
        cursor = cls(instant, int(found[2]), forward=found[3] == "n")
        if str(cursor) != text:
            raise ValueError(text)
        return cursor

    def narrow(self, slots: Any) -> Any:
        """Those on this side of it, the nearest first.

        The first bound is the range that an index serves; the second tells equal starts apart.
        """
        if self.forward:
            later = Q(starts_at__gt=self.starts_at) | Q(pk__gt=self.pk)
            return slots.filter(later, starts_at__gte=self.starts_at).order_by("starts_at", "pk")
        earlier = Q(starts_at__lt=self.starts_at) | Q(pk__lte=self.pk)
        return slots.filter(earlier, starts_at__lte=self.starts_at).order_by("-starts_at", "-pk")


@dataclass(frozen=True)
class Page:
    """Some slots, soonest first, and where those before and after them begin."""

    rows: list[dict[str, Any]]
    next: Cursor | None
    previous: Cursor | None

    @classmethod
    def of(cls, slots: Any, cursor: Cursor | None, size: int) -> "Page":
        """So many slots from the cursor on, or of the first ones, by one statement."""
        place = cursor or Cursor()
        found = list(place.narrow(slots)[: size + 1])
        rows, more = found[:size], len(found) > size
        if not place.forward:
            rows.reverse()
        before = cls._before(rows[0]) if rows else replace(place, forward=False)
        after = cls._after(rows[-1]) if rows else replace(place, forward=True)
        if place.forward:
            return cls(rows, after if more else None, before if cursor else None)
        return cls(rows, after, before if more else None)

    @staticmethod
    def _after(row: dict[str, Any]) -> Cursor:
        return Cursor(row["starts_at"], row["id"])

    @staticmethod
    def _before(row: dict[str, Any]) -> Cursor:
        return Cursor(row["starts_at"], row["id"] - 1, forward=False)

    def links(self, request: Request) -> dict[str, str | None]:
        """The absolute addresses of the pages after and before this one."""
        here = remove_query_param(request.build_absolute_uri(), "cursor")

        def link(cursor: Cursor | None) -> str | None:
            return replace_query_param(here, "cursor", str(cursor)) if cursor else None

        return {"next": link(self.next), "previous": link(self.previous)}
