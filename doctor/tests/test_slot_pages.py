"""The pages of GET /api/doctor/slots/, which cursors link."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from appointment.tests.factories import AppointmentFactory
from doctor.models import Slot
from doctor.models.search import SlotSearch
from doctor.tests.factories import ScheduleFactory
from tests.problems import assert_invalid
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db

PATH = "/api/doctor/slots/"
MONDAY = date(2026, 11, 30)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(datetime(2026, 11, 30, 6, tzinfo=UTC), tick=False) as clock:
        yield clock


def ask(**query: object) -> Any:
    return APIClient().get(PATH, query)


def shown(**query: object) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = ask(**query).json()["results"]
    return results


def pages(size: int) -> Any:
    """Yield the slot ids of each page; the caller may change slots before it asks for the next."""
    link = f"{PATH}?page_size={size}"
    while link:
        answer = APIClient().get(link).json()
        yield [slot["id"] for slot in answer["results"]]
        link = answer["next"]


def crowd(count: int = 7) -> list[int]:
    """Create two slots for each of `count` doctors at the same times; return keys in page order."""
    for _ in range(count):
        ScheduleFactory(date=MONDAY, end_time=time(10))
    return list(Slot.objects.order_by("starts_at", "pk").values_list("pk", flat=True))


@pytest.mark.parametrize("size", [1, 3, 7, 14, 100])
def test_pages_follow_each_other_for_slots_with_equal_starts(size: int) -> None:
    every_key = crowd()
    shown = list(pages(size))
    assert [pk for page in shown for pk in page] == every_key
    assert all(len(page) == size for page in shown[:-1])


def test_the_previous_links_lead_back_through_the_same_pages() -> None:
    every_key, link, forth = crowd(), f"{PATH}?page_size=5&to={MONDAY}", []
    while link:
        forth.append(APIClient().get(link).json())
        last, link = link, forth[-1]["next"]
    assert last.startswith("http://testserver/api/doctor/slots/?")
    back = [APIClient().get(last).json()]
    while back[-1]["previous"]:
        back.append(APIClient().get(back[-1]["previous"]).json())
    assert [page["results"] for page in reversed(back)] == [page["results"] for page in forth]
    assert sum(len(page["results"]) for page in back) == len(every_key)
    assert forth[0]["previous"] is None
    assert APIClient().get(back[-1]["next"]).json()["results"] == forth[1]["results"]


def test_while_others_book_no_slot_comes_twice_and_no_free_one_is_skipped() -> None:
    """Between two pages, others book the first free slot, the last slot seen and the next one."""
    every_key = crowd()
    seen: list[int] = []
    taken: list[int] = []
    for page in pages(3):
        assert not set(page) & set(seen)
        seen += page
        free = [pk for pk in every_key if pk not in taken]
        for pk in (free[0], page[-1], *[pk for pk in free if pk not in seen][:1]):
            if pk not in taken:
                AppointmentFactory(slot=Slot.objects.get(pk=pk))
                taken.append(pk)
    assert seen == sorted(seen, key=every_key.index)
    assert set(every_key) - set(seen) <= set(taken)


def test_a_page_whose_slots_were_booked_still_links_to_next_and_previous() -> None:
    every_key = crowd(3)
    first = ask(page_size=2).json()
    second = APIClient().get(first["next"]).json()
    Slot.objects.filter(pk__in=every_key[:2]).update(taken=1)
    before = APIClient().get(second["previous"]).json()
    assert (before["results"], before["previous"]) == ([], None)
    assert APIClient().get(before["next"]).json()["results"] == second["results"]
    Slot.objects.update(taken=1)
    after = APIClient().get(second["next"]).json()
    assert (after["results"], after["next"]) == ([], None)
    Slot.objects.update(taken=0)
    back = APIClient().get(after["previous"]).json()["results"]
    assert [slot["id"] for slot in back] == every_key[2:4]


def test_a_link_keeps_the_query_parameters() -> None:
    crowd()
    slot = Slot.objects.first()
    answer = ask(doctor=slot.doctor_id, page_size=1, to=MONDAY).json()
    assert f"doctor={slot.doctor_id}" in answer["next"]
    [other] = APIClient().get(answer["next"]).json()["results"]
    assert other["doctor"] == slot.doctor_id


# A valid cursor is MXwxfG4, the Base64 of "1|1|n".
@pytest.mark.parametrize(
    "cursor",
    ["", "junk", "\0", "é", "MXwxfG4=", "MXwxfHg", "fHxu", "MXwxfG4K", " MXwxfG4", "OTk5" * 99],
)
def test_an_invalid_cursor_is_400(cursor: str) -> None:
    assert_invalid(ask(cursor=cursor), "cursor")


def test_a_page_has_20_rows_unless_asked_and_at_most_100() -> None:
    ScheduleFactory(date=MONDAY, start_time=time(9), end_time=time(19), slot_minutes=5)
    assert (len(shown()), len(shown(page_size=7)), len(shown(page_size=10**30))) == (20, 7, 100)
    for junk in ("0", "-1", "x", "", "1.5", "\u0661"):
        assert_invalid(ask(page_size=junk), "page_size")


# --- Cost -----------------------------------------------------------------------------------------


def test_a_late_page_is_bounded_by_its_start_and_uses_no_offset() -> None:
    crowd(20)
    link = f"{PATH}?page_size=4"
    for _ in range(5):
        link = APIClient().get(link).json()["next"]
    with counted_statements() as statements:
        APIClient().get(link)
    [page] = [sql for sql in statements if 'FROM "doctor_slot"' in sql]
    assert "OFFSET" not in page
    assert "LIMIT 5" in page
    assert "doctor_schedule" not in page  # no index of the slots holds the dates of the sessions


@pytest.mark.only_on("postgres")
def test_a_page_reads_its_rows_from_the_index_whatever_is_full_before_them() -> None:
    session = ScheduleFactory(date=MONDAY, slot_minutes=None)
    start, minute = datetime(2027, 1, 1, tzinfo=UTC), timedelta(minutes=1)
    places = {"schedule": session, "doctor": session.doctor, "location": session.location}
    Slot.objects.filter(schedule=session).update(taken=1)
    Slot.objects.bulk_create(
        Slot(
            **places,
            starts_at=start + n * minute,
            ends_at=start + (n + 1) * minute,
            capacity=1,
            taken=n < 2000,
        )
        for n in range(5000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE doctor_slot")
        # Rows that earlier tests left behind can make an incremental sort look slightly cheaper.
        cursor.execute("SET LOCAL enable_incremental_sort = off")
    assert_reads_only_its_page(start)
    assert_reads_only_its_page(start + 4000 * minute)
    assert_reads_only_its_page(start + 4000 * minute, location=session.location.pk, first=MONDAY)


def assert_reads_only_its_page(begin: datetime, **criteria: Any) -> None:
    """Assert that PostgreSQL reads no more rows than the page from this instant on has."""
    search, at = SlotSearch(**criteria), timezone.now()
    with counted_statements() as statements:
        assert len(search.rows(at, begin, 0, forward=True, most=21)) == 21
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE) {statements[-1]}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    read = [int(rows) for rows in re.findall(r"actual [^)]*rows=(\d+)", plan)]
    assert max(read) <= 22, plan
    assert "Rows Removed" not in plan
    assert "Sort" not in plan
    if not criteria:
        assert "doctor_slot_free_start" in plan
