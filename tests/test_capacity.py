"""The capacity model and the simulation of docs/scaling.md: their arithmetic, on small figures."""

import json
import re
from itertools import repeat
from pathlib import Path

import pytest
from django.apps import apps

from benchmarks.capacity import MEASURED, THREADS, Cost, Morning, costs, need, table
from benchmarks.rush_simulation import (
    COMMIT,
    Clinic,
    Clock,
    Request,
    Result,
    check,
    fixed_rate,
    morning_on,
)
from config.backlog import MAX_WAIT

SMALL = Morning(people=2_000, places=400, seconds=600, mean_arrival=150)
PACE = 0.02  # seconds of the processor for a call


def rush(rate: float, seconds: float = 20, workers: int = 2) -> Result:
    """Return what becomes of calls at this rate, of which each worker serves 1 / PACE a second."""
    cost = {"call": Cost(PACE * 1000, 0.0), "refused_503": Cost(0.0, 0.0)}
    return fixed_rate(Clinic(Clock(), workers, 1.0, cost), rate, seconds, repeat("call"))


# --- The model ------------------------------------------------------------------------------------


def test_cores_are_calls_a_second_times_the_time_of_a_call() -> None:
    found = need({"book": 1, "soonest": 2}, 60, {"book": Cost(10, 5), "soonest": Cost(5, 1)})
    assert (found.web_cores, found.database_cores) == (2, 1)  # 1.2 and 0.42 busy, at 0.7
    assert found.connections == 2 * THREADS


def test_people_come_densest_at_the_beginning() -> None:
    morning = Morning(people=1000, seconds=3600, mean_arrival=1e9)
    assert morning.peak == pytest.approx(1000 / 3600, rel=1e-3)
    assert Morning().peak > 3 * Morning().people / Morning().seconds


def test_costs_are_the_medians_of_the_bench_where_it_has_the_row(tmp_path: Path) -> None:
    file = tmp_path / "performance.json"
    assert costs(file) == MEASURED
    rounds = [{"server_cpu": ms, "database_cpu": 1.0} for ms in (2.0, 9.0, 3.0)]
    file.write_text(json.dumps({"samples": {"book": rounds, "soonest": [{"rate": 1.0}]}}))
    assert costs(file) == {**MEASURED, "book": Cost(3.0, 1.0)}


def test_the_table_names_each_call_and_each_rate() -> None:
    text = table(SMALL, MEASURED)
    assert all(f"| {row} |" in text for row in MEASURED)
    assert "(peak)" in text


# --- The simulation -------------------------------------------------------------------------------


def test_half_the_capacity_is_served_without_a_wait() -> None:
    found = rush(0.5 * 2 / PACE)
    assert found.share_refused == 0
    assert found.wait(0.5) < 2 * PACE


def test_ten_times_the_capacity_serves_the_capacity_and_refuses_the_rest() -> None:
    found = rush(10 * 2 / PACE)
    assert len(found.clinic.served) / found.seconds == pytest.approx(2 / PACE, rel=0.1)
    assert found.share_refused == pytest.approx(0.9, abs=0.02)
    assert found.wait(0.95) < MAX_WAIT + (THREADS + 1) * PACE + 0.1


def test_bookings_of_one_slot_wait_for_each_other() -> None:
    clinic = Clinic(Clock(), 1, 4.0, {})
    one, other = (Request(Cost(0, 4), str, 0.0, slot) for slot in (1, 2))
    first, second, apart = clinic.query(one), clinic.query(one), clinic.query(other)
    assert second - first >= COMMIT
    assert apart < second


def test_the_same_seed_gives_the_same_morning_and_sells_each_place_once() -> None:
    found, again = (morning_on(1, 1, 1, morning=SMALL) for _ in range(2))
    assert found.ends == again.ends
    assert found.clinic.served == again.clinic.served
    assert found.ends["booked"] == SMALL.places
    assert found.ends.total() - found.ends["collided"] == SMALL.people


def test_the_check_sets_a_drill_beside_the_simulation(tmp_path: Path) -> None:
    file = tmp_path / "rush.json"
    drill = {"capacity": 100, "offered": 1000, "seconds": 5, "served": 95, "refused_share": 0.9}
    file.write_text(json.dumps({**drill, "p50": 1.2, "p95": 1.4}))
    assert "| refused | 0." in check(file)


# --- The page -------------------------------------------------------------------------------------


def test_the_page_names_every_constraint_and_foreign_key() -> None:
    """A new constraint needs a word on what becomes of it beyond one server."""
    page = (Path(__file__).parent.parent / "docs/scaling.md").read_text()
    known = set(re.findall(r"`([a-z_]+)`", page))
    columns = foreign_keys(page)
    missing = set()
    for label in ("accounts", "doctor", "patient", "appointment"):
        for model in apps.get_app_config(label).get_models(include_auto_created=True):
            options = model._meta
            missing |= {each.name for each in options.constraints} - known
            keys = {field.name for field in options.concrete_fields if field.remote_field}
            missing |= {f"{options.db_table}.{key}" for key in keys} - columns
    assert not missing


def foreign_keys(page: str) -> set[str]:
    """Return the `table.column`s that the page names; a `.column` is of the table before it."""
    found, table = set(), ""
    for named, column in re.findall(r"`([a-z_]*)\.([a-z_]+)`", page):
        table = named or table
        found.add(f"{table}.{column}")
    return found
