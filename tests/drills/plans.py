"""What a call costs: its statements, and what PostgreSQL reads for them.

A call runs in a transaction that is rolled back, so that the measurement changes nothing. Times are
PostgreSQL's own and the CPU of this thread; buffers and rows are counted from the plans.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.test import Client
from rest_framework.test import APIClient

from tests.drills.staff_pages import ANONYMOUS, Call, Subject

ROUNDS = 3


@dataclass
class Cost:
    """The cost of a call. `plans`: the statements with their plans, the dearest first."""

    status: int = 0
    statements: int = 0
    buffers: int = 0
    rows: int = 0
    database_ms: float = 0.0
    python_ms: float = 0.0
    plans: list[tuple[float, int, str, Any]] = field(default_factory=list)

    @property
    def ms(self) -> float:
        """The time of the server: PostgreSQL's and Python's."""
        return self.database_ms + self.python_ms


class Meter:
    """Sends calls as their callers, and measures them."""

    def __init__(self, of: Subject) -> None:
        """Sign the callers in."""
        self.clients: dict[str, Any] = {ANONYMOUS: APIClient()}
        self.pages: dict[str, Client] = {}
        for who, user in of.users.items():
            self.clients[who] = APIClient()
            self.clients[who].credentials(HTTP_AUTHORIZATION=f"Token {user.issue_token()[0]}")
            self.pages[who] = Client()
            self.pages[who].force_login(user)

    def send(self, call: Call) -> Any:
        """Send the call once, and return the answer."""
        is_page = call.path.startswith("/admin/")
        client = self.pages[call.by] if is_page else self.clients[call.by]
        headers = {"HX-Request": "true"} if call.htmx else {}
        if call.method == "POST":
            return client.post(call.path, call.query, headers=headers)
        return client.get(call.path, call.query, headers=headers)

    def measure(self, call: Call, rounds: int = ROUNDS) -> Cost:
        """Return the cost of the call: the least CPU time of some rounds, and its plans."""
        times = []
        for _ in range(rounds):
            with rolled_back():
                began = time.thread_time()
                answer = self.send(call)
                times.append((time.thread_time() - began) * 1000)
        cost = Cost(answer.status_code, python_ms=min(times))
        with rolled_back(), connection.execute_wrapper(explaining(cost)):
            read_all(self.send(call))
        cost.plans.sort(key=lambda each: -each[0])
        return cost


def read_all(answer: Any) -> None:
    """Read the answer to its end: the rows of a stream are read with it."""
    if answer.streaming:
        b"".join(answer.streaming_content)


@contextmanager
def rolled_back() -> Iterator[None]:
    """Run the block in a transaction, and undo all that it wrote."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def explaining(cost: Cost) -> Callable[..., Any]:
    """Return a wrapper of statements that adds the plan of each SELECT to the cost."""

    def wrap(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if re.match(r"(?!SAVEPOINT|RELEASE|ROLLBACK|SET)", sql.lstrip("( ")):
            cost.statements += 1
        if sql.lstrip("( ").startswith("SELECT") and "set_config" not in sql:
            with connection.connection.cursor() as cursor:
                began = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) "
                # The statement runs twice, so that the pages that it reads are in memory.
                cursor.execute(began + sql, params)
                cursor.execute(began + sql, params)
                [(found,)] = cursor.fetchall()
            add(cost, sql, found[0])
        return execute(sql, params, many, context)

    return wrap


def add(cost: Cost, sql: str, found: dict[str, Any]) -> None:
    """Add a plan to the cost."""
    plan = found["Plan"]
    buffers = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    took = found["Planning Time"] + found["Execution Time"]
    cost.database_ms += took
    cost.buffers += buffers
    cost.rows += rows_read(plan)
    cost.plans.append((took, buffers, sql, found))


def rows_read(plan: dict[str, Any]) -> int:
    """Return how many rows the scans of a plan read, those included that a filter left out."""
    below = sum(map(rows_read, plan.get("Plans", ())))
    if "Scan" not in plan["Node Type"] or plan["Node Type"] == "Subquery Scan":
        return below
    dropped = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
    return below + int((plan["Actual Rows"] + dropped) * plan["Actual Loops"])
