"""The arithmetic of `make bench`: what it reads, compares, judges and draws."""

import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import documents, generator, growth, processes, rows, targets
from benchmarks.database import is_counted, parse_pgbench
from benchmarks.figures import Spread, percentile, ratio, spread
from benchmarks.svg import Bar, bars

OF_WRK = """Running 2s test @ http://127.0.0.1:8000
  1 threads and 16 connections
  1390 requests in 2.01s, 0.90MB read
Requests/sec:    691.55
FIGURES {"requests": 1390, "seconds": 2.010000, "p50": 20.500, "p95": 40.000, "p99": 60.000, \
"max": 99.000, "socket_errors": 0, "sent": 1406, "exhausted": 0, \
"statuses": {"201": 1388, "409": 2}, "created": [7, 8]}
REFUSED {"code":"slot_full"}
"""
OF_PGBENCH = """transaction type: /dev/stdin
number of transactions actually processed: 2259
number of failed transactions: 0 (0.000%)
latency average = 14.160 ms
initial connection time = 21.4 ms
tps = 1129.900000 (without initial connection time)
"""


def results() -> dict:
    """Return the results of a run of two rounds, with figures of three rows."""
    row = {"p50": 1.0, "p95": 2.0, "p99": 3.0, "server_cpu": 0.5, "database_cpu": 0.1}
    samples = {
        "bare": [{**row, "rate": 1000.0}, {**row, "rate": 500.0}],
        "slots": [{**row, "rate": 300.0}, {**row, "rate": 100.0}],
        "book": [{**row, "rate": 20.0}, {**row, "rate": 10.0}],
    }
    query = {"calls": 1.0, "buffers": 9.0, "query": "SELECT 1"}
    probes = {"slots": {"statements": 2.0, "buffers": 31.0, "queries": [query]}}
    worker = {"rss": 100.0, "pss": 60.0}
    run = {
        "revision": "abc",
        "seconds": 60,
        "command": "c",
        "rounds": 2,
        "row_seconds": 2,
        "cores": 2,
    }
    database = dict.fromkeys(("server_version", *documents.SHOWN), "on")
    return {
        "run": {**run, "python": "3", "database": database, "sizes": {"doctor_slot": 1}},
        "samples": samples,
        "probes": probes,
        "memory": {"first": [worker], "last": [worker], "requests": 1000},
        "failures": {"unchanged": "answers [200] instead of 304"},
        "start": [2.0, 2.5],
        "bursts": {},
        "checks": {"product": {"acknowledged": 3, "invariants": "hold"}},
        "notes": [],
    }


# --- Figures --------------------------------------------------------------------------------------


def test_a_ratio_compares_the_rows_of_one_round() -> None:
    assert ratio(results()["samples"], "slots", "bare") == Spread(0.25, 0.2, 0.3)


def test_a_row_that_was_not_measured_has_no_ratio() -> None:
    assert ratio(results()["samples"], "soonest", "bare") is None


def test_a_percentile_is_the_nearest_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, share) for share in (0, 0.5, 0.95, 1)] == [1, 50, 95, 100]
    assert percentile([7.0], 0.95) == 7.0


def test_a_spread_is_median_least_and_greatest() -> None:
    assert spread([3.0, 1.0, 8.0]) == Spread(3.0, 1.0, 8.0)


# --- What other programs print --------------------------------------------------------------------


def test_the_figures_of_wrk_are_read() -> None:
    load = generator.parse(OF_WRK, used=0.5)
    assert (round(load.rate, 2), load.p95, load.created) == (691.54, 40.0, [7, 8])
    assert load.others_than(201) == {409: 2}
    assert "409" in generator.refusal(load, 201, 16)


def test_a_run_of_wrk_without_figures_is_no_run() -> None:
    with pytest.raises(generator.Failed, match="unable to connect"):
        generator.parse("", "unable to connect to 127.0.0.1:1")


@pytest.mark.parametrize("fault", ['"socket_errors": 3', '"exhausted": 1', '"requests": 0'])
def test_faults_of_the_load_fail_a_row(fault: str) -> None:
    name, _, _ = fault.partition(":")
    load = generator.parse(re.sub(rf"{name}: \d+", fault, OF_WRK).replace(', "409": 2', ""))
    assert generator.refusal(load, 201, 16) != ""


def test_a_load_of_expected_answers_counts() -> None:
    assert generator.refusal(generator.parse(OF_WRK.replace(', "409": 2', "")), 201, 16) == ""


def test_the_report_of_pgbench_is_read() -> None:
    found = parse_pgbench(OF_PGBENCH)
    assert found == {"rate": 1129.9, "p50": 14.16, "requests": 2259, "failures": 0}


def test_a_process_is_read_with_brackets_in_its_name() -> None:
    line = (
        f"42 (a) b (c) S 7 1 1 0 -1 0 0 0 0 0 {' '.join(str(n * 100) for n in (1, 2, 3, 4))} 20 0"
    )
    ticks = 100 / os.sysconf("SC_CLK_TCK")
    assert processes.parse_stat(42, line) == processes.Process(42, 7, 3 * ticks, 7 * ticks)


@pytest.mark.parametrize(
    ("query", "counted"),
    [
        ("SELECT 1", True),
        ("SELECT set_config($1, $2, $3)", True),
        ("BEGIN", False),
        ("commit;", False),
        ('SAVEPOINT "s1"', False),
        ("SET LOCAL lock_timeout = 3", False),
        ('SELECT $2 FROM ONLY "doctor_slot" x WHERE "id" = $1 FOR KEY SHARE OF x', False),
        ('SELECT "id" FROM "doctor_slot" WHERE "id" = $1 FOR NO KEY UPDATE', True),
        ("WITH a AS (UPDATE t SET b = 1 RETURNING b) SELECT 1", True),
    ],
)
def test_statements_but_those_of_transactions_count(query: str, counted: bool) -> None:
    assert is_counted(query) is counted


# --- Requests -------------------------------------------------------------------------------------


def test_a_request_is_whole_and_looks_as_from_a_proxy() -> None:
    headers = generator.headers_of(65_537, "abc", Idempotency_Key="k")
    text = generator.http_request("POST", "/x/", "127.0.0.1:1", headers, {"a": 1}).decode()
    head, _, body = text.partition("\r\n\r\n")
    assert body == '{"a":1}'
    assert {"X-Forwarded-For: 10.1.0.1", "Idempotency-Key: k", "Content-Length: 7"} <= set(
        head.split("\r\n")
    )


# --- Verdicts and documents -----------------------------------------------------------------------


def test_a_median_meets_a_target_or_misses_it() -> None:
    found = {
        (each.target.row, each.target.wanted): each.met for each in targets.verdicts(results())
    }
    assert found["slots", "≥ 0.25 of the DRF no-op, bare"] is True
    assert found["slots", "≤ 2 statements"] is True
    assert found["slots", "≤ 30 buffers"] is False
    assert found["book", "≥ 0.15 of the DRF no-op, bare"] is False
    assert found["unchanged", "≥ 0.6 of the DRF no-op, bare"] is False, "its row failed"
    assert found["refused", "≥ 0.2 of the DRF no-op, bare"] is None, "it was not measured"


def test_each_target_names_a_row() -> None:
    known = {row.name for row in rows.ROWS} | {"races", "sign_ins", "memory", "start"}
    assert {target.row for target in targets.TARGETS} <= known


def test_the_sections_are_replaced_and_the_text_stays() -> None:
    one, other = (
        "<!-- bench: run -->\nold\n<!-- end of run -->",
        "<!-- bench: x -->\nC\n<!-- end of x -->",
    )
    page = f"A\n{one}\nB\n{other}\n"
    made = documents.filled(page, {"run": "new"})
    assert made == page.replace("\nold\n", "\n\nnew\n\n")
    assert documents.filled(made, {"run": "new"}) == made


def test_every_section_of_the_page_is_made() -> None:
    page = (Path(__file__).parent.parent / "docs" / documents.PAGE).read_text()
    asked = {name for _, name, _ in documents.SECTION.findall(page)}
    assert asked == {*documents.sections(results()), "growth"}


def test_growth_compares_the_cost_on_both_databases() -> None:
    found = results()
    for name, cpu in (("slots", 2.2), ("small_slots", 2.0), ("book", 3.0), ("small_book", 2.0)):
        found["samples"][name] = [{"rate": 100.0, "cpu": cpu, "p95": 9.0}]
    size = {"python_ms": 30.0, "database_ms": 9.0, "statements": 3, "buffers": 5000}
    more = size | {"database_ms": 40.0}
    late = size | {"database_ms": 130.0}
    found["pages"] = {
        name: {"small": small, "large": large}
        for name, small, large in (("flat", size, size), ("more", size, more), ("late", late, late))
    }
    lines = [line for line in growth.section(found).splitlines() if "|" in line]
    verdicts = {
        line.split(" | ")[0].strip("| "): line.split(" | ")[-1].strip("| ") for line in lines
    }
    assert verdicts["200 free slots of a doctor, 14 days"] == "yes"
    assert verdicts["book with a key"] == "**no**"
    assert verdicts["flat"] == "yes"
    assert (verdicts["more"], verdicts["late"]) == ("**grows**", "**slow**")


def test_the_plots_are_well_formed_and_name_their_rows() -> None:
    for text in documents.plots(results()).values():
        root = ElementTree.fromstring(text)
        assert "200 free slots of a doctor, 14 days" in [each.text for each in root.iter()]


def test_a_plot_escapes_its_labels_and_draws_nothing_beyond_its_width() -> None:
    root = ElementTree.fromstring(bars("A & B", "<", [Bar("<x>", (1.0, 2.0), 2.5, 3.5)]))
    ends = [float(e.get("x", 0)) + float(e.get("width", 0)) for e in root.iter() if e.get("width")]
    assert max(ends) <= float(root.get("viewBox", "").split()[2])
