"""A context manager that collects the SQL statements of a block."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.test.utils import CaptureQueriesContext

OF_TRANSACTIONS = re.compile(r"BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE", re.IGNORECASE)


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """Yield a list that holds, after the block, its SQL without BEGIN, COMMIT and their kind."""
    found: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield found
    statements = [query["sql"] for query in captured.captured_queries]
    found += [sql for sql in statements if not OF_TRANSACTIONS.match(sql)]
