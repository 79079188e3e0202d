"""Calendar files as another program than their writer reads them, and the rules that they keep."""

import re
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import vobject

TZID = re.compile(r";TZID=([^:;]+)[:;]")
UTC_STAMP = re.compile(r"\d{8}T\d{6}Z")
STATUSES = {"CONFIRMED", "TENTATIVE", "CANCELLED"}
ONCE = ("uid", "dtstamp", "dtstart", "dtend", "organizer", "sequence", "status", "summary")

ZERO = SimpleNamespace(value=0)


def parsed(content: bytes) -> Any:
    """Return the one calendar of the file, read by vobject; asserts that no rule is broken."""
    assert list(broken_rules(content)) == []
    return _read(content)[0]


def _read(content: bytes) -> list[Any]:
    """Return the calendars. vobject keeps the zones of the files before: forget them."""
    known = vars(vobject.icalendar)["__tzidMap"]
    utc = known["UTC"]
    known.clear()
    known["UTC"] = utc
    return list(vobject.readComponents(content.decode()))


def entries(content: bytes) -> list[Any]:
    """Return the VEVENTs of the file, in their order."""
    return list(getattr(parsed(content), "vevent_list", []))


def unfolded(content: bytes) -> list[str]:
    """Return the content lines (RFC 5545, section 3.1)."""
    return re.sub("\r\n[ \t]", "", content.decode()).split("\r\n")[:-1]


def broken_rules(content: bytes) -> Iterator[str]:
    """Yield each rule of RFC 5545 and RFC 5546 that the file breaks."""
    yield from _broken_by_text(content)
    found = _read(content)
    if len(found) != 1:
        yield f"{len(found)} calendars"
    calendar = found[0].contents
    for name in ("version", "prodid", "method"):
        if len(calendar.get(name, ())) != 1:
            yield f"not one {name}"
    if calendar["version"][0].value != "2.0":
        yield "the version is not 2.0"
    events = calendar.get("vevent", [])
    for event in events:
        yield from _broken_by_event(event.contents, calendar["method"][0].value)
    twice = [uid for uid, n in Counter(event.uid.value for event in events).items() if n > 1]
    if twice:
        yield f"a UID twice: {twice}"


def _broken_by_text(content: bytes) -> Iterator[str]:
    if not content.endswith(b"\r\n") or re.search(rb"(?<!\r)\n|\r(?!\n)", content):
        yield "a line that does not end with CRLF"
    lines = content.split(b"\r\n")
    if max(map(len, lines)) > 75:
        yield "a line of more than 75 octets"
    if re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", content):
        yield "a control character"
    text = unfolded(content)
    has_events = "BEGIN:VEVENT" in text
    if not has_events and "BEGIN:VTIMEZONE" not in text:
        yield "no component"
    named = {match[1].strip('"') for line in text for match in [TZID.search(line)] if match}
    defined = [line.removeprefix("TZID:") for line in text if line.startswith("TZID:")]
    if has_events and sorted(named) != sorted(defined):
        yield f"zones {sorted(named)} are named, {defined} defined"
    for line in text:
        if line.startswith(("DTSTAMP", "LAST-MODIFIED", "CREATED")):
            yield from () if UTC_STAMP.fullmatch(line.partition(":")[2]) else [f"not UTC: {line}"]


def _broken_by_event(event: dict[str, list[Any]], method: str) -> Iterator[str]:
    for name in ONCE:
        if len(event.get(name, ())) != 1:
            yield f"{method}: not one {name}"
    status, attendees = event["status"][0].value, len(event.get("attendee", ()))
    yield from (
        fault
        for fault, is_so in {
            f"status {status}": status not in STATUSES,
            "CANCEL of an event that is not canceled": method == "CANCEL" and status != "CANCELLED",
            "CANCEL with an alarm": method == "CANCEL" and "valarm" in event,
            "REQUEST without an attendee": method == "REQUEST" and not attendees,
            "REQUEST for a canceled event": method == "REQUEST" and status == "CANCELLED",
            "PUBLISH with an attendee": method == "PUBLISH" and attendees,
            "an end before its start": event["dtstart"][0].value >= event["dtend"][0].value,
            "a negative sequence": int(event.get("sequence", [ZERO])[0].value) < 0,
        }.items()
        if is_so
    )


class Subscriber:
    """A calendar program: it keeps entries by UID, replaces older ones, and drops canceled ones."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.sequences: dict[str, int] = {}

    def take(self, content: bytes, *, whole: bool = False) -> None:
        """Take the entries of a file; `whole`: it is a feed, what is not in it is dropped."""
        found = entries(content)
        if whole:
            uids = {event.uid.value for event in found}
            self.kept = {uid: event for uid, event in self.kept.items() if uid in uids}
        for event in found:
            uid, sequence = event.uid.value, int(event.sequence.value)
            if sequence < self.sequences.get(uid, -1):
                continue
            self.sequences[uid] = sequence
            if event.status.value == "CANCELLED":
                self.kept.pop(uid, None)
            else:
                self.kept[uid] = event
