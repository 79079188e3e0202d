"""What each task of the desk costs: the clicks and pages that were asked for, and those measured.

`tests/browser/test_desk_tasks.py` measures them; docs/desk.md has the table of `table()`.
"""

from dataclasses import dataclass

from tests.browser.price import Price


@dataclass(frozen=True)
class Task:
    """A task at the desk. A price counts from the desk's first page; typing is free."""

    words: str
    most_clicks: int
    most_pages: int
    clicks: int
    pages: int


TASKS = {
    "book": Task("phone booking, known patient, soonest of a specialty", 3, 1, 3, 1),
    "book_new": Task("phone booking, new patient", 4, 1, 3, 1),
    "check_in": Task("check in", 1, 0, 1, 0),
    "done": Task("done", 1, 0, 1, 0),
    "no_show": Task("no-show", 1, 0, 1, 0),
    "undo": Task("undo", 1, 0, 1, 0),
    "move": Task("move to another time of the week", 3, 1, 2, 0),
    "cancel": Task("cancel with reason", 2, 0, 2, 0),
    "walk_in": Task("walk-in, now, checked in", 3, 1, 3, 0),
    "squeeze_in": Task("squeeze-in", 3, 1, 3, 0),
    "ill": Task("doctor ill today: leave in, all moved to the first proposal", 4, 2, 4, 2),
    "new_doctor": Task("a new doctor, Monday to Thursday with lunch, at a site", 12, 2, 8, 2),
    "hours": Task("other hours from January, December untouched", 4, 2, 4, 2),
    "holidays": Task("a year's holidays for two sites", 4, 1, 4, 1),
    "offer": Task("an offer taken on the phone", 2, 0, 2, 0),
    "paper": Task("a doctor's list on paper", 2, 1, 2, 1),
    "csv": Task("the month's figures as CSV", 2, 1, 2, 1),
}


def assert_price(price: Price, name: str) -> None:
    """Assert that this task has cost what the table says."""
    task = TASKS[name]
    assert (price.clicks, price.pages) == (task.clicks, task.pages), task.words


def table() -> str:
    """Return the table in Markdown."""
    rows = [
        f"| {task.words} | {task.clicks} | {task.pages} | {task.most_clicks} | {task.most_pages} |"
        for task in TASKS.values()
    ]
    head = "| task | clicks | pages | clicks at most | pages at most |"
    return "\n".join([head, "| --- | --- | --- | --- | --- |", *rows])
