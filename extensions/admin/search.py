"""The search of the admin's lists: every typed term matches what the list shows of a row.

`search_fields` names the columns. Those of a model whose queryset folds names (`search_columns`)
are searched by its folded words; dates, times, keys and other texts as they are. A model is small
if its queryset returns keys (`search_keys`), large if it returns a condition (`search_condition`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.core.paginator import Paginator
from django.db.models import DateField, DateTimeField, Model, Q, QuerySet, TimeField

from extensions.db.fields import MAX_KEY
from extensions.search import Term

MOST_LISTED = 1000  # rows of a search; a user who finds more types more
NOTHING = Q(pk__in=())


class LimitedPaginator(Paginator):
    """The pages of a search, which counts no more than MOST_LISTED rows."""

    @cached_property
    def count(self) -> int:
        """Return how many rows there are, at most MOST_LISTED."""
        return min(self._counted, MOST_LISTED)

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than the pages have."""
        return self._counted > MOST_LISTED

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: MOST_LISTED + 1].count())


@dataclass(frozen=True)
class Source:
    """A relation, "" for the row itself, with the queryset that finds by the columns named."""

    path: str
    rows: Any
    columns: frozenset[str]

    @property
    def is_large(self) -> bool:
        return hasattr(self.rows, "search_condition")

    def large(self, terms: Sequence[Term]) -> Q | None:
        """Return the condition that all the terms match; None if they match no row."""
        condition: Q | None = self.rows.search_condition(terms, self.columns, self.path or "pk")
        return condition

    def small(self, term: Term) -> Q | None:
        keys = self.rows.search_keys(term)
        found = isinstance(keys, QuerySet) or keys  # a subquery is not read here
        return Q(**{f"{self.path or 'pk'}__in": keys}) if found else None


def search_condition(
    rows: QuerySet[Any],
    names: Iterable[str],
    terms: Sequence[Term],
    more: Callable[[Term, Sequence[Term]], Q | None],
) -> Q:
    """Return the condition that each term matches one of the columns of one of the rows.

    `names`: as in `search_fields`. `more`: returns a further condition of a term, given all terms,
    or None. People type the words of one person together, so the words of the large source are the
    first or the last terms.
    """
    model = rows.model
    sources, columns = _sources(rows, names)
    large = next((each for each in sources if each.is_large), None)
    rest = [
        _any([*(each.small(term) for each in sources if not each.is_large),
              *(_plain(model, name, term) for name in columns), more(term, terms)])
        for term in terms
    ]  # fmt: skip
    if large is None:
        return _all(rest)
    found = NOTHING
    for first, last in _spans(len(terms)):
        others = [*rest[:first], *rest[last:]]
        if None in others:
            continue
        condition = large.large(terms[first:last]) if last > first else Q()
        if condition is not None:
            found |= condition & _all(others)
    return found


def _spans(length: int) -> Iterator[tuple[int, int]]:
    """Yield the spans at the beginning or the end, the longest first, and the empty one."""
    for size in range(length, 0, -1):
        yield from {(0, size), (length - size, length)}
    if length:
        yield (0, 0)


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
    return [Source(path, related[path], frozenset(folded[path])) for path in folded], others


def _rows_at(model: type[Model], path: str) -> Any:
    """Return all rows of the model that a path of relations leads to; None if it leads to none."""
    related = _model_at(model, path)
    return related and related._default_manager.all()


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
        key = int(term.raw) if term.raw.isascii() and term.raw.isdecimal() else MAX_KEY + 1
        return Q(**{path: key}) if key <= MAX_KEY else None
    owner = _model_at(model, path)
    if last == "email" and path and "@" not in term.raw:
        return None  # every typed name would search all accounts
    column = owner._meta.get_field(last) if owner else None
    if isinstance(column, DateField) and not isinstance(column, DateTimeField):
        return Q(**{f"{name}__in": term.days}) if term.days else None
    if isinstance(column, TimeField):
        return Q(**{name: term.clock}) if term.clock is not None else None
    return Q(**{f"{name}__icontains": term.raw})


def _any(conditions: Iterable[Q | None]) -> Q | None:
    """Return the condition that one of these holds; None if none of them can."""
    found: Q | None = None
    for condition in conditions:
        if condition is not None:
            found = condition if found is None else found | condition
    return found


def _all(conditions: Iterable[Q | None]) -> Q:
    found = Q()
    for condition in conditions:
        found &= NOTHING if condition is None else condition
    return found
