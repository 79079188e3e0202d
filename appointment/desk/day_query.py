"""What the page of a day shows of one site: columns of doctors, rows of times, cells of visits.

`Day` reads everything in a fixed number of statements, as plain rows: the page has hundreds of
visits, and model objects of them take most of the time that it may take.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property, lru_cache
from itertools import pairwise, zip_longest
from typing import Any, NamedTuple
from zlib import crc32
from zoneinfo import ZoneInfo

from django.db.models import CharField, ExpressionWrapper, F, Func, IntegerField, Q, Subquery
from django.utils.translation import gettext, npgettext_lazy
from phonenumber_field.phonenumber import to_python

from appointment.desk.cards import VisitCard
from appointment.desk.reasons import shown_reason
from appointment.models import Appointment
from appointment.models.event import Status
from doctor.models import Doctor, Location, Slot, TimeOff
from doctor.models.booking_rules import places_left
from doctor.wall_time import spans_of_days
from extensions.formats import clock_text

COLUMNS_OF_VISIT = (
    "pk", "slot_id", "doctor", "starts_at", "ends_at", "status", "reason", "cancel_reason",
    "checked_in_at", "needs_rebooking", "latest_kind", "patient", "patient__first_name",
    "patient__last_name", "patient__date_of_birth", "phone",
)  # fmt: skip
# The text of the column: a PhoneNumber of each row takes longer than all the rest of the page.
PHONE = ExpressionWrapper(F("patient__phone_number"), CharField())
COLUMNS_OF_DOCTOR = (
    "pk", "title", "first_name", "last_name", "is_active", "accepts_patients", "specialties__name",
)  # fmt: skip
# The words behind the number of visits of each state.
COUNTED_STATES = {
    "due": npgettext_lazy("number of visits", "due", "due"),
    "waiting": npgettext_lazy("number of visits", "waiting", "waiting"),
    "late": npgettext_lazy("number of visits", "late", "late"),
    "done": npgettext_lazy("number of visits", "done", "done"),
    "no-show": npgettext_lazy("number of visits", "no-show", "no-show"),
    "canceled": npgettext_lazy("number of visits", "canceled", "canceled"),
}


@lru_cache(maxsize=10_000)
def _international(number: str) -> str:
    return str(to_python(number).as_international)


class Phone(NamedTuple):
    """A phone number as it is stored; to write one for people takes long, and many come again."""

    stored: str

    @property
    def as_international(self) -> str:
        """The number as people write it, such as +34 612 34 56 78."""
        return _international(self.stored)


@dataclass(slots=True)
class Person:
    """The patient of a visit, as far as a card shows one."""

    pk: int
    first_name: str
    last_name: str
    date_of_birth: date | None
    phone_number: Phone | None

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(slots=True)
class VisitRow:
    """A visit with the attributes of an `Appointment` that a `VisitCard` reads."""

    pk: int
    slot_id: int | None
    doctor: int
    starts_at: datetime
    ends_at: datetime
    status: str
    reason: str
    cancel_reason: str
    checked_in_at: datetime | None
    needs_rebooking: bool
    latest_kind: str
    patient: Person | None
    date: date
    location: Location


class SlotRow(NamedTuple):
    """A time of a doctor; `left`: how many of its places can be booked."""

    pk: int
    doctor: int
    starts_at: datetime
    ends_at: datetime
    capacity: int
    is_open: bool
    kept_over: bool
    session_is_active: bool
    left: int


class Card(NamedTuple):
    """What a cell shows of one visit. `time`: only where it differs from the time of the row.

    Keys are texts: a template would look up how to write a number.
    """

    pk: str
    patient: str
    person: str
    birth_year: str
    phone: str
    reason: str
    state: str
    state_text: str
    to_rebook: bool
    time: str
    actions: tuple[str, ...]  # as `takes_back`, of `VisitCard`
    takes_back: str


class Cell(NamedTuple):
    """A time of a doctor in the table: over `rows` rows, with its visits and its free places.

    `key`: the id of the element. `slot`: empty for a visit that has lost its time. `closed`: why
    no more can be booked. `held`: places that are offered to the waitlist.
    """

    key: str
    rows: int
    slot: str = ""
    cards: tuple[Card, ...] = ()
    canceled: tuple[Card, ...] = ()
    free: int = 0
    begun: bool = False
    closed: str = ""
    held: int = 0
    full: bool = False

    @property
    def digest(self) -> str:
        """A short text that is another one when the cell shows something else."""
        return f"{crc32(repr(self).encode()):08x}"


class TimeCell(NamedTuple):
    """The head of a row: the time on the clock of the site."""

    key: str
    text: str
    is_now: bool

    @property
    def digest(self) -> str:
        """As `Cell.digest`."""
        return f"{crc32(repr(self).encode()):08x}"


@dataclass
class Column:
    """A doctor of the day, with the cells by the number of their first row."""

    doctor: int
    name: str
    specialties: list[str]
    is_active: bool
    accepts_patients: bool
    cells: dict[int, Cell] = field(default_factory=dict)


class Row(NamedTuple):
    """A row of the table: the time, and the cells that begin there."""

    head: TimeCell
    cells: list[Cell]


@dataclass
class Block:
    """A span of a doctor's column: a slot, or the visits that have lost theirs."""

    starts_at: datetime
    ends_at: datetime
    slot: SlotRow | None
    visits: list[VisitRow] = field(default_factory=list)


def card_of(visit: Any, at: datetime, may_change: bool, time: str = "") -> Card:
    """Return what the desk shows of a visit: an `Appointment` or a `VisitRow`."""
    card = VisitCard(visit, at, may_change)
    return Card(
        str(visit.pk),
        str(visit.patient.pk) if visit.patient else "",
        card.person,
        card.birth_year,
        card.phone,
        shown_reason(visit.cancel_reason) if visit.status == Status.CANCELED else visit.reason,
        card.state,
        card.state_text,
        visit.needs_rebooking and card.state in {"due", "late", "waiting"},
        time,
        tuple(card.actions),
        card.takes_back,
    )


def number_of(rows: Any) -> Subquery:
    """Return the number of these rows as an expression, so that one statement counts several."""
    counted = rows.order_by().annotate(number=Func("pk", function="COUNT"))
    return Subquery(counted.values("number"), output_field=IntegerField())


class Day:
    """One day at one site, as of an instant (UTC), for a user who may change visits or only look.

    Doctors have a column if they have sessions there that day or visits, also inactive doctors.
    """

    def __init__(
        self, site: Location, day: date, at: datetime, may_change: bool, offers: Any
    ) -> None:
        """Read the day in at most four statements, whatever its size; `offers` are the open ones.

        Visits, times, doctors with the numbers above the table, and leave if it can show.
        """
        self.site, self.day, self.at, self.may_change = site, day, at, may_change
        self.zone: ZoneInfo = site.zone
        [self.span] = spans_of_days(day, day, {site.pk: site.time_zone})
        self.visits = list(self._read_visits())
        slots = list(self._read_slots())
        with_visits = {visit.doctor for visit in self.visits}
        keys = with_visits | {slot.doctor for slot in slots}
        flagged = Appointment.objects.filter(location=site).to_rebook()
        numbers = (number_of(flagged), number_of(offers))
        self.flagged, self.offers, self.columns = self._read_doctors(keys, with_visits, numbers)
        self.leaves = [] if all(slot.is_open for slot in slots) else self._read_leaves(keys)
        self._arrange(slots)

    # --- Read ---

    def _read_visits(self) -> Iterator[VisitRow]:
        rows: Any = Appointment.objects.filter(location=self.site, date=self.day)
        rows = rows.with_latest_kind().annotate(phone=PHONE)
        rows = rows.order_by("starts_at", "patient__last_name_key", "pk")
        for *columns, patient, first, last, born, phone in rows.values_list(*COLUMNS_OF_VISIT):
            number = Phone(phone) if phone else None
            person = Person(patient, first, last, born, number) if patient else None
            yield VisitRow(*(*columns, person, self.day, self.site))

    def _read_slots(self) -> Iterator[SlotRow]:
        rows: Any = Slot.objects.between(self.day, self.day, [self.site])
        columns = ("pk", "doctor", "starts_at", "ends_at", "capacity", "is_open", "kept_over")
        rows = rows.annotate(left=places_left(self.at)).order_by("starts_at", "pk")
        return map(SlotRow._make, rows.values_list(*columns, "schedule__is_active", "left"))

    def _read_doctors(
        self, keys: set[int], with_visits: set[int], numbers: tuple[Subquery, Subquery]
    ) -> tuple[int, int, list[Column]]:
        """Return these two numbers, and the columns by the doctors' names, without cells.

        The numbers come with the rows of the doctors, or alone where there is no doctor.
        """
        shown = Q(is_active=True) | Q(pk__in=with_visits)
        doctors: Any = Doctor.objects.filter(shown, pk__in=keys)
        doctors = doctors.order_by("last_name_key", "first_name_key", "pk", "specialties__name")
        rows = list(doctors.values_list(*numbers, *COLUMNS_OF_DOCTOR))
        columns: dict[int, Column] = {}
        for _, _, pk, *name, active, accepts, specialty in rows:
            column = Column(pk, " ".join(filter(None, name)), [], active, accepts)
            columns.setdefault(pk, column).specialties.append(specialty or "")
        alone = Location.objects.filter(pk=self.site.pk).values_list(*numbers)
        flagged, open_offers, *_ = rows[0] if rows else alone.get()
        return flagged, open_offers, list(columns.values())

    def _read_leaves(self, keys: set[int]) -> list[TimeOff]:
        """Return the leave of these doctors and the closures of the site on this day."""
        whose = Q(doctor__in=keys) | Q(location=self.site)
        return list(TimeOff.objects.filter(whose).overlapping(*self.span).order_by("starts_at"))

    # --- Arrange ---

    def _arrange(self, slots: list[SlotRow]) -> None:
        """Put the visits into the slots, the slots into the columns, and make the rows."""
        blocks = self._blocks(slots)
        shown = [blocks[column.doctor] for column in self.columns]
        edges = {
            edge for each in shown for block in each for edge in (block.starts_at, block.ends_at)
        }
        self.edges = sorted(edges)
        place = {edge: number for number, edge in enumerate(self.edges)}
        for column, mine in zip(self.columns, shown, strict=True):
            for first, last, cell in self._cells(column, mine):
                start, end = place[first], place[last]
                column.cells[start] = cell._replace(rows=end - start)

    def _blocks(self, slots: list[SlotRow]) -> dict[int, list[Block]]:
        """Map each doctor to the slots of the day, and to the visits that have lost theirs."""
        blocks: dict[int, list[Block]] = defaultdict(list)
        by_slot: dict[int | None, Block] = {}
        for slot in slots:
            by_slot[slot.pk] = Block(slot.starts_at, slot.ends_at, slot)
            blocks[slot.doctor].append(by_slot[slot.pk])
        for visit in self.visits:
            block = by_slot.get(visit.slot_id) or _block_at(blocks[visit.doctor], visit)
            block.visits.append(visit)
        for each in blocks.values():
            each.sort(key=lambda block: block.starts_at)
        return blocks

    def _cells(
        self, column: Column, blocks: list[Block]
    ) -> Iterator[tuple[datetime, datetime, Cell]]:
        """Yield start, end and cell of each block; closed times of one reason are one cell."""
        last: tuple[datetime, datetime, Cell] | None = None
        for block in blocks:
            cell = self._cell(column, block)
            if last and last[1] == block.starts_at and _is_same_closure(last[2], cell):
                last = (last[0], block.ends_at, last[2])
                continue
            if last:
                yield last
            last = (block.starts_at, block.ends_at, cell)
        if last:
            yield last

    def _cell(self, column: Column, block: Block) -> Cell:
        standing: list[Card] = []
        canceled: list[Card] = []
        slot, in_slot = block.slot, 0
        for visit in block.visits:
            time = "" if visit.starts_at == block.starts_at else self.clock(visit.starts_at)
            card = card_of(visit, self.at, self.may_change, time)
            (canceled if card.state == "canceled" else standing).append(card)
            in_slot += card.state != "canceled" and visit.slot_id is not None
        if slot is None:
            cell = Cell(f"v{block.visits[0].pk}", 1, closed=gettext("no such time any more"))
        else:
            cell = self._cell_of_slot(column, slot, in_slot)
        return cell._replace(cards=tuple(standing), canceled=tuple(canceled))

    def _cell_of_slot(self, column: Column, slot: SlotRow, visits: int) -> Cell:
        """Return the cell without its visits, of which so many hold a place of the slot."""
        over = slot.ends_at <= self.at
        closed = "" if slot.is_open else self._reason(column, slot)
        if slot.is_open and over and slot.left > 0:
            closed = "past"
        return Cell(
            f"s{slot.pk}",
            1,
            str(slot.pk),
            free=0 if closed or over else max(0, slot.left),
            begun=slot.starts_at <= self.at,
            closed=closed,
            held=max(0, slot.capacity - slot.left - visits),
            full=slot.is_open and not over and slot.left <= 0,
        )

    def _reason(self, column: Column, slot: SlotRow) -> str:
        """Say in words why a time is closed."""
        for leave in self.leaves:
            mine = leave.location_id or leave.doctor_id == column.doctor
            if mine and leave.starts_at < slot.ends_at and slot.starts_at < leave.ends_at:
                return _closure_text(leave)
        if not column.is_active:
            return gettext("The doctor has left")
        if slot.kept_over:
            return gettext("Outside the hours")
        if not slot.session_is_active:
            return gettext("Session closed")
        return gettext("Closed") if column.accepts_patients else gettext("Takes no patients")

    # --- What the page shows ---

    @property
    def is_today(self) -> bool:
        """Whether it is today on the calendar of the site."""
        return self.day == self.site.today(self.at)

    @property
    def is_over(self) -> bool:
        """Whether the day has ended on the calendar of the site."""
        return self.day < self.site.today(self.at)

    def clock(self, at: datetime) -> str:
        """Return the time on the clock of the site, with its zone on a day that has two."""
        return clock_text(at, self.zone)

    @cached_property
    def rows(self) -> list[Row]:
        """The rows of the table: one from each start or end of a time to the next."""
        return [
            Row(TimeCell(f"t{number}", self.clock(start), start <= self.at < end), [])
            for number, (start, end) in enumerate(pairwise(self.edges))
        ]

    @cached_property
    def table(self) -> list[Row]:
        """The rows with their cells, the gaps between a doctor's times included."""
        rows = [Row(head, []) for head, _ in self.rows]
        for column in self.columns:
            number = 0
            starts = [*sorted(column.cells), len(rows)]
            for start in starts:
                if number < start:
                    rows[number].cells.append(Cell("", start - number))
                if start in column.cells:
                    rows[start].cells.append(column.cells[start])
                    number = start + column.cells[start].rows
        return rows

    @cached_property
    def counts(self) -> list[tuple[str, int, str]]:
        """The states, each with its number of visits and its words, as in COUNTED_STATES."""
        cells = (cell for column in self.columns for cell in column.cells.values())
        found = Counter(card.state for cell in cells for card in (*cell.cards, *cell.canceled))
        return [
            (state, found[state], words % found[state]) for state, words in COUNTED_STATES.items()
        ]

    # --- What a refresh compares ---

    @cached_property
    def structure(self) -> str:
        """A digest of the doctors, the times, where each cell stands, and whether it is today."""
        cells = [[(n, c.key, c.rows) for n, c in each.cells.items()] for each in self.columns]
        heads = [(each.doctor, each.name, each.specialties) for each in self.columns]
        text = repr((heads, self.edges, cells, self.is_today, self.is_over))
        return f"{crc32(text.encode()):08x}"

    @cached_property
    def digest_of_counts(self) -> str:
        """A digest of the numbers above the table."""
        return f"{crc32(repr((self.counts, self.flagged, self.offers)).encode()):08x}"

    @cached_property
    def digests(self) -> list[tuple[str, str]]:
        """The name of each column, and the digests of its cells from top to bottom."""
        found = [("counts", self.digest_of_counts)]
        for name, cells in self._columns():
            found.append((name, ".".join(cell.digest for cell in cells)))
        return found

    def _columns(self) -> Iterator[tuple[str, list[Any]]]:
        """Yield the name of each column, that of the times included, and its cells."""
        yield "time", [row.head for row in self.rows]
        for column in self.columns:
            yield str(column.doctor), [column.cells[number] for number in sorted(column.cells)]

    def changed_columns(self, sent: dict[str, str]) -> list[tuple[str, str]]:
        """Return those of `digests` that differ from what the page has sent."""
        return [each for each in self.digests if sent.get(each[0]) != each[1]]

    def changed_cells(self, sent: dict[str, str]) -> Iterator[Any]:
        """Yield the cells of which the sent digests differ."""
        for name, cells in self._columns():
            known = sent.get(name, "").split(".")
            for cell, digest in zip_longest(cells, known[: len(cells)]):
                if cell.digest != digest:
                    yield cell


def _closure_text(leave: TimeOff) -> str:
    """Say in words that a site is closed or a doctor away, and why."""
    reason = shown_reason(leave.reason)
    if leave.location_id:
        return (
            gettext("Site closed: %(reason)s") % {"reason": reason}
            if reason
            else gettext("Site closed")
        )
    return gettext("Away: %(reason)s") % {"reason": reason} if reason else gettext("Away")


def _block_at(blocks: list[Block], visit: VisitRow) -> Block:
    """Return the block that overlaps a visit without a slot; a new one if there is none."""
    for block in blocks:
        if block.starts_at < visit.ends_at and visit.starts_at < block.ends_at:
            return block
    blocks.append(Block(visit.starts_at, visit.ends_at, None))
    return blocks[-1]


def _is_same_closure(one: Cell, other: Cell) -> bool:
    """Whether both are empty and closed for the same reason; times that are past stay apart."""
    plain = one.closed == other.closed not in {"", "past"}
    return plain and not any((*one.cards, *one.canceled, *other.cards, *other.canceled))
