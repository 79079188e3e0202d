"""The rows: what is asked of which server, and with how many clients.

A row has one status that every answer must have. `side` names the server; the yardsticks are on a
server of their own, so that the product's is the one of docs/operations.md unchanged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PRODUCT, YARDSTICK, BEFORE, DATABASE = "product", "yardsticks", "before", "database"
SMALL = "small"  # the product on a database of half a million visits, in `make bench-growth`
CLIENTS = 16
BOOK = "/api/appointment/book/{}/"
SLOTS = "/api/doctor/doctors/{list_doctor}/available-slots/"
SEARCH = "/api/doctor/slots/"
MINE = "/api/appointment/my-appointments/"
Requests = Callable[[Any, Any, int], list[bytes]]  # clinic, server, number


@dataclass(frozen=True)
class Row:
    """One row: its name in the results, a label for people, and what is sent.

    `requests`: makes the requests from the clinic, the server and a number; None for pgbench, with
    the name of its `script`. `books`: the list that its bookings use up; empty for none.
    `is_timed`: whether the rounds measure it; else only its statements are counted. `code`: what
    every answer must say.
    """

    name: str
    label: str
    side: str
    requests: Requests | None
    clients: int = CLIENTS
    status: int = 200
    books: str = ""
    is_timed: bool = True
    code: str = ""
    script: str = ""

    def made(self, place: Any, number: int) -> list[bytes]:
        """Return the requests for a place, about so many where none may be sent twice."""
        assert self.requests is not None  # nosec B101  # pgbench sends none
        return self.requests(place.clinic, place.server, number)


def reads(path: str, people: str = "", **headers: str) -> Requests:
    """Return the requests that read one path, as these people of the clinic if named."""

    def made(clinic: Any, server: Any, number: int) -> list[bytes]:
        tokens = clinic.found[people] if people else None
        return clinic.reads(server.base, path.format(**clinic.found), tokens, **headers)

    return made


def unchanged(path: str) -> Requests:
    """Return the requests with the validator (ETag) that the server has just sent."""

    def made(clinic: Any, server: Any, number: int) -> list[bytes]:
        asked = path.format(**clinic.found)
        tag = server.header(asked, "ETag") or '"none"'
        return clinic.reads(server.base, asked, If_None_Match=tag)

    return made


def later_page(clinic: Any, server: Any, number: int) -> list[bytes]:
    """Return the requests for the page that 25 links `next` lead to, or the last one before."""
    path = clinic.later_page or f"{SEARCH}?page_size=100"
    for _ in range(0 if clinic.later_page else 25):
        following = server.json(path)["next"]
        if not following:
            break
        path = following[following.index(SEARCH) :]
    clinic.later_page = path
    return clinic.reads(server.base, path)


def bookings(path: str = BOOK, *, of_one: bool = False, reason: str = "") -> Requests:
    """Return bookings of times that are free, each with a key of its own."""

    def made(clinic: Any, server: Any, number: int) -> list[bytes]:
        return clinic.bookings(server.base, path, number, of_one=of_one, reason=reason)

    return made


def refused(clinic: Any, server: Any, number: int) -> list[bytes]:
    """Return bookings of times that are full."""
    return clinic.refused(server.base, number)


YARDSTICKS = (
    Row("bare", "bare Django and REST framework no-op", YARDSTICK, reads("/bare/noop/")),
    Row("noop", "DRF no-op of the same settings", YARDSTICK, reads("/api/bench/noop/")),
    Row("counted", "the same, counted by the limits", YARDSTICK, reads("/api/bench/counted/")),
    Row("signed_in", "authenticated no-op", YARDSTICK, reads("/api/bench/signed-in/", "tokens")),
    Row(
        "plain_slots",
        "the same slots by a ModelSerializer",
        YARDSTICK,
        reads("/api/bench/plain-slots/{list_doctor}/"),
    ),
    Row(
        "plain_book",
        "plain ORM booking (select_for_update)",
        YARDSTICK,
        bookings("/api/bench/plain-book/{}/"),
        status=201,
        books="many",
    ),
    Row(
        "plain_book_with_key",
        "the same with a key and an audit event",
        YARDSTICK,
        bookings("/api/bench/plain-book-with-key/{}/"),
        status=201,
        books="many",
    ),
    Row("limit_slots", "the same slots by one SELECT of pgbench", DATABASE, None, script="list"),
    Row(
        "limit_book",
        "the same rows by one statement of pgbench",
        DATABASE,
        None,
        script="book",
    ),
)
CALLS = (
    Row("slots", "200 free slots of a doctor, 14 days", PRODUCT, reads(SLOTS)),
    Row("unchanged", "the same, If-None-Match", PRODUCT, unchanged(SLOTS), status=304),
    Row("soonest", "soonest slots of all doctors", PRODUCT, reads(SEARCH)),
    Row("soonest_100", "the same, 100 a page", PRODUCT, reads(f"{SEARCH}?page_size=100")),
    Row("soonest_later", "the same, 25 pages later", PRODUCT, later_page),
    Row("book", "book with a key", PRODUCT, bookings(), status=201, books="many"),
    Row(
        "book_reason",
        "the same with a reason",
        PRODUCT,
        bookings(reason="Check-up"),
        status=201,
        books="many",
        is_timed=False,
    ),
    Row("book_64", "the same, 64 clients", PRODUCT, bookings(), 64, 201, "many"),
    Row("book_8", "the same, 8 clients", PRODUCT, bookings(), 8, 201, "many"),
    Row(
        "book_one_doctor",
        "distinct slots of one doctor, 8 clients",
        PRODUCT,
        bookings(of_one=True),
        8,
        201,
        "one",
    ),
    Row("refused", "refused booking (full)", PRODUCT, refused, status=409, code="slot_full"),
    Row("mine_10", "my appointments, 10 past", PRODUCT, reads(MINE, "few")),
    Row("mine_2000", "my appointments, 2,000 past", PRODUCT, reads(MINE, "many")),
)
STOOD_BEFORE = (
    Row("before_slots", "before: 200 free slots of a doctor", BEFORE, reads(SLOTS)),
    Row("before_book", "before: book with a key", BEFORE, bookings(), status=201, books="many"),
    Row("before_mine_2000", "before: my appointments, 2,000 past", BEFORE, reads(MINE, "many")),
)
ROWS = (*YARDSTICKS, *CALLS, *STOOD_BEFORE)


def chosen(names: str) -> list[Row]:
    """Return the rows with these names, separated by commas; all without names."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = {row.name: row for row in ROWS}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise SystemExit(f"No row is named {', '.join(unknown)}. Rows: {', '.join(known)}.")
    return [known[name] for name in wanted] if wanted else list(ROWS)
