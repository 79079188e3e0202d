"""The search of the admin's lists: every typed term matches what the list shows of a row.

`search_fields` names the columns. Those of a model whose queryset folds names (`search_columns`)
are searched by its folded words; dates, times, keys and other texts as they are. A model is small
if its queryset returns keys (`search_keys`), large if it returns a condition (`search_condition`).

A search reads a bounded number of rows. It finds people first, by their words, and then their rows
by the index of the foreign key. By a key of a small model, such as a doctor, it reads the first
rows in the order of the list, by an index that begins with this key. No statement both sorts by an
index and looks for rows in it that may not be there: PostgreSQL could read the whole index.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import and_, or_
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.paginator import Paginator
from django.core.validators import validate_ipv46_address
from django.db import connection
from django.db.models import (
    CharField,
    DateField,
    DateTimeField,
    F,
    GenericIPAddressField,
    IntegerField,
    Model,
    Q,
    QuerySet,
    TimeField,
)
from django.db.models.functions import Coalesce
from django.utils.formats import number_format

from extensions.db.expressions import AmongKeys, ComparedKeys, FirstOnly
from extensions.db.fields import MAX_KEY
from extensions.db.names import begins_with
from extensions.search import Term

MOST_LISTED = 1000  # rows of a search; a user who finds more types more
MOST_FOUND = 10_000  # rows of the people whom a search finds
MOST_WAYS = 12  # in which a search may find rows, each by an index of its own
MOST_COMBINED = 50  # combinations of what the terms may mean; others are left out
NOTHING = Q(pk__in=())
LEFT_OUT = "rows_left_out"  # an attribute of a query: it finds what the first of many have


def most_listed() -> int:
    """Return how many rows the pages of a search have."""
    return MOST_LISTED


class LimitedPaginator(Paginator):
    """The pages of the first `most` rows, which counts no more than these."""

    def __init__(self, *args: Any, most: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self.most = most

    @cached_property
    def count(self) -> int:
        """Return how many rows there are, at most `most`."""
        return min(self._counted, self.most)

    @property
    def count_text(self) -> str:
        """The count as people read it: 312, or 10,000+."""
        number = number_format(self.count, force_grouping=True)
        return f"{number}+" if self.is_cut else number

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than the pages have."""
        return self._counted > self.most

    @property
    def leaves_out(self) -> bool:
        """Whether the rows are those of the first of many people."""
        rows: Any = self.object_list
        return getattr(rows.query, LEFT_OUT, False)

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: self.most + 1].count())


RowsOfModel = Callable[[Any], QuerySet[Any]]


def all_rows_of(model: Any) -> QuerySet[Any]:
    """Return all rows of the model."""
    rows: QuerySet[Any] = model._default_manager.all()
    return rows


@dataclass(frozen=True)
class Source:
    """A relation of the model, "" for the row itself, and the queryset that finds by columns."""

    model: type[Model]
    path: str
    rows: Any
    columns: frozenset[str]

    @property
    def is_large(self) -> bool:
        return hasattr(self.rows, "search_condition")

    def large(self, terms: Sequence[Term], few_rows: bool, seen: "RowsOfModel") -> Q | None:
        """Return the condition that all the terms match; None if they match no row.

        `few_rows`: another condition leaves so few rows that each of them can be compared. Rows
        that lie between, such as the visits of people, are found first, by their keys, among those
        that are `seen`.
        """
        between, _, last = (self.path or "pk").rpartition("__")
        if not between:
            found: Q | None = self.rows.search_condition(terms, self.columns, last, few_rows)
            return found
        condition: Q | None = self.rows.search_condition(terms, self.columns, last)
        if condition is None:
            return None
        rows = seen(_model_at(self.model, between)).order_by().filter(condition)
        keys = list(rows.values_list("pk", flat=True)[: MOST_FOUND + 1])
        kind = FirstOnly if len(keys) > MOST_FOUND or isinstance(condition, FirstOnly) else Q
        return kind(AmongKeys(between, keys)) if keys else None

    @property
    def most_found(self) -> float:
        """How many keys the queryset finds at most: it may leave others out."""
        most: float = getattr(self.rows, "most_found", math.inf)
        return most

    def small(self, term: Term, terms: Sequence[Term]) -> "Way | None":
        """Return the way to find rows by the keys that the term matches; None if there are none.

        `terms`: all that were typed, which may name one row together.
        """
        keys = frozenset(self.rows.search_keys(term, terms))
        return Way({self.path or "pk": keys}) if keys else None


@dataclass(frozen=True)
class Way:
    """What one or several terms may mean: keys of small models by their paths, and a condition.

    `is_slow`: whether no index serves the condition, so that it is about the latest rows only.
    """

    keys: dict[str, frozenset[int]]
    condition: Q = field(default_factory=Q)
    is_slow: bool = False

    def narrowed(self, other: "Way") -> "Way | None":
        """Return what is both this and the other; None if it is known that no row is."""
        keys = dict(self.keys)
        for path, found in other.keys.items():
            keys[path] = keys.get(path, found) & found
        both = Way(keys, self.condition & other.condition, self.is_slow or other.is_slow)
        return both if all(keys.values()) else None

    def whole(self, kind: type[AmongKeys] = AmongKeys) -> Q:
        """Return all of it as one condition."""
        among = (Q(kind(path, sorted(keys))) for path, keys in self.keys.items())
        return reduce(and_, among, self.condition)

    def parts(self) -> list[Q]:
        """Return conditions with one key each, whose rows an index has in order, if it is a few."""
        if len(self.keys) != 1:
            return [self.whole()]
        [(path, keys)] = self.keys.items()
        if len(keys) > MOST_WAYS:
            return [self.whole()]
        return [Q(**{path: key}) & self.condition for key in sorted(keys)]


@dataclass
class Search:
    """The rows of which each term matches one of the columns.

    `all_rows`: those of the list, in its order. `names`: as in `search_fields`. `more`: returns a
    further condition of a term, given all terms, or None. `slow`: names of columns without an
    index, whose rows are searched as far as the condition that `latest` returns leaves them.
    `seen`: returns the rows of another model through which the user may find rows of this one.
    """

    all_rows: QuerySet[Any]
    names: Iterable[str]
    terms: Sequence[Term]
    more: Callable[[Term, Sequence[Term]], Q | None]
    slow: frozenset[str] = frozenset()
    latest: Callable[[], Q] = Q
    seen: RowsOfModel = all_rows_of
    leaves_out: bool = field(default=False, init=False)

    def rows(self) -> QuerySet[Any]:
        """Return the rows that match every term, as far as the search reads.

        They are sorted by an expression, which no index serves: PostgreSQL could otherwise look
        for them in the whole table, in the order of the list.
        """
        of_people, ordered = self._ways()
        keys = dict.fromkeys(self._keys(of_people, MOST_FOUND))
        self.leaves_out |= len(keys) > MOST_FOUND
        order = self._order()
        if len(ordered) == 1 and not keys and not self._sorts(order):
            return self.all_rows.filter(ordered[0])
        keys |= dict.fromkeys(self._first_keys(ordered, order))
        found = self.all_rows.filter(self._among(list(keys)))
        setattr(found.query, LEFT_OUT, self.leaves_out)
        return found.order_by(*map(_as_expression, order)) if self._sorts(order) else found

    @cached_property
    def _latest(self) -> Q:
        """The condition of the latest rows, for which `latest` asks the database."""
        return self.latest()

    def _ways(self) -> tuple[list[Q], list[Q]]:
        """Return the conditions that find people, and those whose rows an index has in order.

        People type the words of one person together, so the words of the large source are the
        first or the last terms.
        """
        sources, columns = _sources(self.all_rows, self.names)
        large = next((each for each in sources if each.is_large), None)
        rest = [self._alternatives(sources, columns, term) for term in self.terms]
        of_people = []
        for first, last in _spans(len(self.terms)) if large else ():
            others = [*rest[:first], *rest[last:]]
            if not all(others):
                continue
            beside = [*self.terms[:first], *self.terms[last:]]
            few_rows = any(term.days for term in beside)
            words = self.terms[first:last]
            condition = large.large(words, few_rows, self.seen) if large else None
            if condition is not None:
                self.leaves_out |= isinstance(condition, FirstOnly)
                of_people.append(reduce(and_, map(_any, others), condition))
        return of_people, self._combined(rest)

    def _combined(self, rest: list[list[Way]]) -> list[Q]:
        """Return the conditions of which one holds if each term has a way that holds.

        Those that compare the latest rows are one, so that these are read once.
        """
        ways = [Way({})]
        for term in rest:
            both = (known.narrowed(way) for known in ways for way in term)
            ways = [each for each in both if each is not None]
            self.leaves_out |= len(ways) > MOST_COMBINED
            ways = ways[:MOST_COMBINED]
        slow = [way.condition for way in ways if way.is_slow and not way.keys]
        indexed = [way for way in ways if way.keys or not way.is_slow]
        parts = [part for way in indexed for part in way.parts()]
        if len(parts) > MOST_WAYS:
            parts = [way.whole() for way in indexed]
        return [*parts, reduce(or_, slow)] if slow else parts

    def _alternatives(self, sources: list[Source], columns: list[str], term: Term) -> list[Way]:
        """Return the ways to find rows of which the term means something but a person."""
        found: list[Way | None] = []
        for each in sources:
            if not each.is_large and (way := each.small(term, self.terms)):
                self.leaves_out |= any(len(keys) >= each.most_found for keys in way.keys.values())
                found.append(way)
        for name in columns:
            condition = _plain(self.all_rows.model, name, term)
            is_slow = name in self.slow
            if condition is not None and is_slow:
                condition &= self._latest
            found.append(None if condition is None else Way({}, condition, is_slow))
        further = self.more(term, self.terms)
        found.append(None if further is None else Way({}, further))
        return [way for way in found if way is not None]

    def _among(self, keys: list[Any]) -> Q:
        """Return the condition of the rows with these keys, which may be texts."""
        if not isinstance(self.all_rows.model._meta.pk, IntegerField):
            return Q(pk__in=keys)
        return Q(AmongKeys("pk", keys)) if keys else NOTHING

    def _order(self) -> list[Any]:
        """Return the order of the list, each column once.

        A second one would keep PostgreSQL from merging the rows of several conditions by indexes.
        """
        columns: dict[str, Any] = {}
        for each in self.all_rows.query.order_by:
            columns.setdefault(str(each).lstrip("-"), each)
        return list(columns.values())

    def _sorts(self, order: Sequence[Any]) -> bool:
        return bool(order) and all(isinstance(each, str) for each in order)

    def _keys(self, conditions: list[Q], most: int) -> list[int]:
        """Return the keys of the rows for which one of the conditions holds, in no order."""
        ways = [self.all_rows.order_by().filter(each).values_list("pk") for each in conditions]
        if not ways:
            return []
        found = ways[0].union(*ways[1:], all=True) if len(ways) > 1 else ways[0]
        return [key for (key,) in found[: most + 1]]

    def _first_keys(self, conditions: list[Q], order: Sequence[Any]) -> list[int]:
        """Return the keys of the first rows for which one of the conditions holds.

        In one statement, which reads the rows of each condition in the order of the list.
        """
        if not conditions or not self._sorts(order):
            return self._keys(conditions, MOST_FOUND)
        names = [f"order_{place}" for place in range(len(order))]
        columns = {name: F(each.lstrip("-")) for name, each in zip(names, order, strict=True)}
        sorts = [f"-{name}" if each.startswith("-") else name
                 for name, each in zip(names, order, strict=True)]  # fmt: skip
        if len(conditions) == 1:
            rows: Any = self.all_rows.filter(conditions[0]).values_list("pk", flat=True)
            return list(rows[: MOST_LISTED + 1])
        rows = self.all_rows.order_by()
        ways = [
            rows.filter(each).annotate(**columns).values_list("pk", *names) for each in conditions
        ]
        if connection.features.supports_slicing_ordering_in_compound:
            # PostgreSQL would otherwise read and sort all rows of each condition.
            ways = [each.order_by(*sorts)[: MOST_LISTED + 1] for each in ways]
        found = ways[0].union(*ways[1:], all=True).order_by(*sorts)
        return [key for key, *_ in found[: MOST_LISTED + 1]]


def _as_expression(column: str) -> Any:
    name = column.lstrip("-")
    value = Coalesce(F(name), F(name))
    return value.desc() if column.startswith("-") else value.asc()


def _spans(length: int) -> Iterator[tuple[int, int]]:
    """Yield the spans at the beginning or the end, the longest first."""
    for size in range(length, 0, -1):
        yield from {(0, size), (length - size, length)}


def _sources(rows: QuerySet[Any], names: Iterable[str]) -> tuple[list[Source], list[str]]:
    """Return the sources that fold names, and the names of all other columns."""
    folded: dict[str, set[str]] = defaultdict(set)
    related: dict[str, Any] = {}
    others = []
    for name in names:
        path, _, column = name.rpartition("__")
        found = rows if not path else _rows_at(rows.model, path)
        if column in getattr(found, "search_columns", ()):
            folded[path].add(column)
            related[path] = found
        else:
            others.append(name)
    model = rows.model
    found_by = [Source(model, path, related[path], frozenset(folded[path])) for path in folded]
    return found_by, others


def _rows_at(model: type[Model], path: str) -> Any:
    """Return all rows of the model that a path of relations leads to; None if it leads to none."""
    related = _model_at(model, path)
    return related and all_rows_of(related)


def _model_at(model: Any, path: str) -> Any:
    """Return the model that a path of relations leads to; None if it leads to none."""
    for name in path.split("__") if path else ():
        try:
            model = model and model._meta.get_field(name).related_model
        except FieldDoesNotExist:
            return None
    return model


def _plain(model: type[Model], name: str, term: Term) -> Q | None:
    """Return the condition that a column of no folded name has the term; None if it cannot."""
    path, _, last = name.rpartition("__")
    if last == "exact":
        return _exactly(_model_at(model, path.rpartition("__")[0]), path, term)
    owner = _model_at(model, path)
    if last == "email" and path and "@" not in term.raw:
        return None  # every typed name would search all accounts
    column = owner._meta.get_field(last) if owner else None
    found: Q | None = Q(**{f"{name}__icontains": term.raw})
    match column:
        case DateTimeField():
            found = None
        case DateField():
            found = Q(**{f"{name}__in": term.days}) if term.days else None
        case TimeField():
            found = Q(**{name: term.clock}) if term.clock is not None else None
        case GenericIPAddressField():
            found = Q(**{name: term.raw}) if _is_address(term.raw) else None
        case CharField() if column.unique or getattr(column, "db_index", False):
            found = begins_with(name, term.raw.lower())
    return found


def _exactly(owner: Any, path: str, term: Term) -> Q | None:
    """Return the condition that the column has this key, or this text; None if it cannot."""
    column = owner._meta.get_field(path.rpartition("__")[2])
    if isinstance(column, CharField):
        return Q(**{path: term.raw.lower()})
    key = int(term.raw) if term.raw.isascii() and term.raw.isdecimal() else MAX_KEY + 1
    return Q(**{path: key}) if key <= MAX_KEY else None


def _any(ways: Sequence[Way]) -> Q:
    """Return the condition that one of these holds, of the rows of people."""
    return reduce(or_, (way.whole(ComparedKeys) for way in ways))


def _is_address(text: str) -> bool:
    try:
        validate_ipv46_address(text)
    except ValidationError:
        return False
    return True
