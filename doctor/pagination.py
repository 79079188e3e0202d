"""Keyset pagination of slots by (starts_at, id).

A page starts after the last slot of the page before, so a slot that is booked or freed in between
moves no other slot to another page. There is no OFFSET, so the hundredth page costs as much as the
first. (The CursorPagination of REST framework uses an OFFSET among equal keys.)
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rest_framework.request import Request
from rest_framework.utils.urls import remove_query_param, replace_query_param

from doctor.models.search import SlotSearch

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
CURSOR = re.compile(r"([0-9]{1,16})\|([0-9]{1,18})\|([np])")  # microseconds until 2286


@dataclass(frozen=True)
class Cursor:
    """The position after this start and key in the order of slots, and the direction to read."""

    starts_at: datetime = EPOCH
    pk: int = 0
    forward: bool = True

    def __str__(self) -> str:
        """Return the text that a client sends back; its format is not part of the API."""
        instant = (self.starts_at - EPOCH) // MICROSECOND
        text = f"{instant}|{self.pk}|{'n' if self.forward else 'p'}"
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """Parse the text of `str(cursor)`; raises ValueError for any other text."""
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        found = CURSOR.fullmatch(urlsafe_b64decode(padded).decode("ascii"))
        if found is None:
            raise ValueError(text)
        instant = EPOCH + int(found[1]) * MICROSECOND
        cursor = cls(instant, int(found[2]), forward=found[3] == "n")
        if str(cursor) != text:
            raise ValueError(text)
        return cursor


@dataclass(frozen=True)
class Page:
    """A page of slots, soonest first, and the cursors of the next and the previous page."""

    rows: list[dict[str, Any]]
    next: Cursor | None
    previous: Cursor | None

    @classmethod
    def of(cls, search: SlotSearch, at: datetime, cursor: Cursor | None, size: int) -> "Page":
        """Read `size` slots found at the instant from the cursor on, or the first ones."""
        position = cursor or Cursor()
        start, forward = (position.starts_at, position.pk), position.forward
        found = search.rows(at, *start, forward=forward, most=size + 1)
        rows, more = found[:size], len(found) > size
        if not position.forward:
            rows.reverse()
        before = cls._before(rows[0]) if rows else replace(position, forward=False)
        after = cls._after(rows[-1]) if rows else replace(position, forward=True)
        if position.forward:
            return cls(rows, after if more else None, before if cursor else None)
        return cls(rows, after, before if more else None)

    @staticmethod
    def _after(row: dict[str, Any]) -> Cursor:
        return Cursor(row["starts_at"], row["id"])

    @staticmethod
    def _before(row: dict[str, Any]) -> Cursor:
        """Return the position before the row: after any slot with the same start and a lower id."""
        return Cursor(row["starts_at"], row["id"] - 1, forward=False)

    def links(self, request: Request) -> dict[str, str | None]:
        """Return the absolute URLs of the next and the previous page."""
        here = remove_query_param(request.build_absolute_uri(), "cursor")

        def link(cursor: Cursor | None) -> str | None:
            return replace_query_param(here, "cursor", str(cursor)) if cursor else None

        return {"next": link(self.next), "previous": link(self.previous)}
