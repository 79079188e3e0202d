"""Querysets that Django compiles to SQL once in a process, and that run with new values each time.

    @compiled
    def _visits_of(patient: int, since: datetime) -> QuerySet[Appointment]:
        return Appointment.objects.active().filter(patient=patient, ends_at__gt=since)

    visits = _visits_of(patient.pk, timezone.now())  # a list, of one statement

Django spends more time on building a queryset and on writing its SQL than the database spends on a
row by its key. The decorated function builds the queryset as everywhere else, so that a rule stands
once. It sees a Parameter in place of each value, and runs again only for arguments of a new shape.
It must take every value that changes, the present instant too, from its arguments.
"""

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import update_wrapper
from itertools import count
from threading import RLock
from typing import Any, Generic, ParamSpec, TypeVar, cast

from django.core.exceptions import EmptyResultSet
from django.db import connections, models, router
from django.db.models import Expression, F, Q, QuerySet
from django.db.models.query import ModelIterable, get_related_populators
from django.db.models.sql import UpdateQuery
from django.db.transaction import TransactionManagementError

P = ParamSpec("P")
Row = TypeVar("Row")

UNKNOWN = object()
MOST_SHAPES = 200  # of the arguments of one query; then its cache begins again
FIELDS: dict[type, Callable[[], "models.Field[Any, Any]"]] = {
    str: models.TextField,
    int: models.BigIntegerField,
    datetime: models.DateTimeField,
    date: models.DateField,
    time: models.TimeField,
}
ADAPTERS = {
    datetime: "adapt_datetimefield_value",
    date: "adapt_datefield_value",
    time: "adapt_timefield_value",
}


class Parameter(Expression):
    """The place of a value in a compiled queryset: the `number`-th value, of this Python type."""

    def __init__(self, number: int, kind: type) -> None:
        super().__init__(output_field=FIELDS[kind]())
        self.number, self.kind = number, kind

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Return a placeholder, with the parameter itself as its value."""
        return "%s", (self,)


class Parameters(Expression):
    """The places of a list of values, for a look-up with `in`.

    Of a list of Parameter, the look-up of a foreign key would convert each to a number first.
    """

    def __init__(self, parameters: list[Parameter]) -> None:
        super().__init__(output_field=parameters[0].output_field)
        self.parameters = parameters

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __len__(self) -> int:
        return len(self.parameters)

    def __getitem__(self, number: int) -> Parameter:
        return self.parameters[number]

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Return the placeholders in parentheses, with the parameters themselves as the values."""
        return f"({', '.join(['%s'] * len(self.parameters))})", tuple(self.parameters)


class CompiledQuery(Generic[P, Row]):
    """A function that returns a queryset, compiled; a call returns the list of its rows.

    An argument is a Q, a value of a type in FIELDS, or a list of such values. None, a truth value
    and the length of a list belong to the shape: each gets SQL of its own. A call raises TypeError
    for other arguments.
    """

    def __init__(self, build: Callable[P, Any]) -> None:
        self.build = build
        self.querysets: dict[Any, Any] = {}
        self.statements: dict[Any, Statement | None] = {}
        self.lock = RLock()  # held to build and to compile: Django changes a query meanwhile
        update_wrapper(self, build)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> list[Row]:
        """Return the rows of the queryset with these values, by one statement."""
        return self._rows((), args, kwargs)

    def first(self, most: int, *args: P.args, **kwargs: P.kwargs) -> list[Row]:
        """Return at most `most` rows: with any number the statement is the same."""
        return self._rows((most,), args, kwargs)

    def _rows(
        self, most: tuple[int, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> list[Row]:
        values: list[Any] = []
        shape = (*kwargs, _shape_of((*args, *kwargs.values()), values))
        queryset = self._queryset(shape, args, kwargs)
        statement = self._statement(shape, queryset.db, queryset)
        return [] if statement is None else statement.rows(queryset, values, most)

    def _queryset(self, shape: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the queryset for the shape, with parameters in place of its values."""
        if (known := self.querysets.get(shape)) is not None:
            return known
        with self.lock:
            if len(self.querysets) >= MOST_SHAPES:
                self.querysets, self.statements = {}, {}
            numbers = count()
            given = [_with_parameters(each, numbers) for each in (*args, *kwargs.values())]
            named = dict(zip(kwargs, given[len(args) :], strict=True))
            return self.querysets.setdefault(shape, self._built(*given[: len(args)], **named))

    def _built(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the decorated function makes of the parameters."""
        build: Callable[..., Any] = self.build
        return build(*args, **kwargs)

    def _statement(self, shape: Any, using: str, queryset: Any) -> "Statement | None":
        """Return the SQL for the shape in this database; None where no row can match."""
        key = (shape, using)
        if (known := self.statements.get(key, UNKNOWN)) is not UNKNOWN:
            return cast("Statement | None", known)
        with self.lock:
            if key not in self.statements:
                try:
                    self.statements[key] = Statement(queryset, using)
                except EmptyResultSet:
                    self.statements[key] = None
            return self.statements[key]


class CompiledUpdate(CompiledQuery[P, int]):
    """A function that returns a queryset and the columns to write, compiled to an UPDATE.

    The columns are a dictionary of the keyword arguments of `QuerySet.update`.
    """

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> int:  # type: ignore[override]
        """Update the rows with these values, by one statement; return how many it found."""
        return self.bind(*args, **kwargs).run()

    def bind(self, *args: P.args, **kwargs: P.kwargs) -> "BoundStatement":
        """Return the UPDATE with these values, to be run later."""
        values: list[Any] = []
        shape = (*kwargs, _shape_of((*args, *kwargs.values()), values))
        updated = self._queryset(shape, args, kwargs)
        using = router.db_for_write(updated.model)
        statement = self._statement(shape, using, updated)
        return BoundStatement(using) if statement is None else statement.bound(using, values)

    def _built(self, *args: Any, **kwargs: Any) -> "_Updated":
        return _Updated(*super()._built(*args, **kwargs))


class _Updated:
    """A queryset with the columns that an UPDATE writes; `query` is Django's UpdateQuery."""

    def __init__(self, queryset: Any, columns: dict[str, Any]) -> None:
        self.model = queryset.model
        self.query = queryset.query.chain(UpdateQuery)
        self.query.add_update_values(columns)


class Statement:
    """The SQL of a compiled queryset in one database, with the compiler that reads its rows."""

    def __init__(self, queryset: Any, using: str) -> None:
        self.compiler = compiler = queryset.query.get_compiler(using)
        self.sql, self.params = compiler.as_sql()
        if isinstance(queryset, _Updated):
            return
        self.locks = queryset.query.select_for_update
        # Django looks for the converters of each column, of which few have any, at each query.
        fields = [column[0] for column in compiler.select[: compiler.col_count]]
        converters = compiler.get_converters(fields)
        compiler.get_converters = lambda expressions: converters
        of_models = queryset._iterable_class is ModelIterable
        has_related = bool(queryset._known_related_objects)
        self.instances = _Instances(compiler) if of_models and not has_related else None

    def rows(self, queryset: Any, values: list[Any], most: tuple[int, ...] = ()) -> list[Any]:
        """Run a SELECT; return what the queryset makes of its rows.

        `most`: the number of rows, by default all.
        Raises TransactionManagementError for a lock outside of a transaction, as Django does.
        """
        connection = connections[queryset.db]
        if self.locks and not connection.in_atomic_block:
            raise TransactionManagementError(
                "select_for_update cannot be used outside a transaction."
            )
        if self.instances is not None:
            sql, params = self._sql(connection, values, most)
            with connection.cursor() as cursor:
                cursor.execute(sql, params)
                return self.instances.of(cursor.fetchall(), connection)
        compiler = self._bound(connection, values, most)
        return list(queryset._iterable_class(_Compiled(queryset, compiler)))

    def bound(self, using: str, values: list[Any]) -> "BoundStatement":
        """Return an UPDATE with these values."""
        return BoundStatement(using, self.sql, _bound(self.params, values, connections[using]))

    def _bound(self, connection: Any, values: list[Any], most: tuple[int, ...]) -> Any:
        """Return the compiler with these values; its SQL is not written again."""
        compiler, bound = copy(self.compiler), self._sql(connection, values, most)
        compiler.connection = connection
        compiler.as_sql = lambda *args, **kwargs: bound
        return compiler

    def _sql(self, connection: Any, values: list[Any], most: tuple[int, ...]) -> tuple[str, Any]:
        """Return the SQL and its parameters with these values, for at most so many rows."""
        sql = f"{self.sql} LIMIT %s" if most else self.sql
        return sql, (*_bound(self.params, values, connection), *most)


class _Instances:
    """Makes the objects of the rows of a SELECT as Django's ModelIterable does.

    What that finds out at each query, this finds out once.
    """

    def __init__(self, compiler: Any) -> None:
        info, select = compiler.klass_info, compiler.select
        first, last = info["select_fields"][0], info["select_fields"][-1]
        self.using, self.model = compiler.using, info["model"]
        self.columns = slice(first, last + 1)
        self.names = [column[0].target.attname for column in select[self.columns]]
        # The types are those of a later Django.
        self.related = get_related_populators(info, select, compiler.using)  # type: ignore[call-arg]
        self.annotations = [*(compiler.annotation_col_map or {}).items()]
        converted = compiler.get_converters(())
        self.converters = [(at, found, column) for at, (found, column) in converted.items()]

    def of(self, rows: list[tuple[Any, ...]], connection: Any) -> list[Any]:
        """Return the objects, with those of `select_related`."""
        return [self._object(list(row), connection) for row in rows]

    def _object(self, row: list[Any], connection: Any) -> Any:
        for at, converters, column in self.converters:
            for convert in converters:
                row[at] = convert(row[at], column, connection)
        found = self.model.from_db(self.using, self.names, row[self.columns])
        for populator in self.related:
            populator.populate(row, found)
        for name, at in self.annotations:
            setattr(found, name, row[at])
        return found


@dataclass(frozen=True)
class BoundStatement:
    """The SQL of a compiled UPDATE, with its values; empty where it can find no row."""

    using: str
    sql: str = ""
    params: tuple[Any, ...] = ()

    def run(self) -> int:
        """Run the UPDATE; return the number of rows that it found."""
        if not self.sql:
            return 0
        with connections[self.using].cursor() as cursor:
            cursor.execute(self.sql, self.params)
            return cast(int, cursor.rowcount)


class _Compiled:
    """A queryset as its iterable class sees it, whose query has a compiler already."""

    def __init__(self, queryset: Any, compiler: Any) -> None:
        self._queryset, self._compiler = queryset, compiler
        self.query = _CompiledQuery(queryset.query, compiler)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queryset, name)


class _CompiledQuery:
    """A query that answers `get_compiler` with the compiler that it is given."""

    def __init__(self, query: Any, compiler: Any) -> None:
        self._query = query
        self.get_compiler = lambda *args, **kwargs: compiler

    def __getattr__(self, name: str) -> Any:
        return getattr(self._query, name)


def compiled(build: Callable[P, "QuerySet[Any, Row]"]) -> CompiledQuery[P, Row]:
    """Compile the queryset that the function returns; a call returns a list of its rows."""
    return CompiledQuery(build)


def compiled_update(
    build: Callable[P, "tuple[QuerySet[Any, Any], dict[str, Any]]"],
) -> CompiledUpdate[P]:
    """Compile an UPDATE: the function returns the queryset and the columns to write.

    A call returns the number of rows found; `bind` returns the statement for a later run.
    """
    return CompiledUpdate(build)


def _shape_of(value: Any, values: list[Any]) -> Any:
    """Return a hashable shape of the argument, and add the values in it to `values`."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, Q):
        leaves = (
            (leaf[0], _shape_of(leaf[1], values))
            if isinstance(leaf, tuple)
            else _shape_of(leaf, values)
            for leaf in value.children
        )
        return (value.connector, value.negated, *leaves)
    if isinstance(value, (list, tuple)):
        return (len(value), *(_shape_of(each, values) for each in value))
    if isinstance(value, F):
        return value
    values.append(value)
    return _kind_of(value)


def _with_parameters(value: Any, numbers: Iterator[int]) -> Any:
    """Return the argument with a Parameter in place of each value, in the order of `_shape_of`."""
    if value is None or value is True or value is False or isinstance(value, F):
        return value
    if isinstance(value, Q):
        leaves = [
            (leaf[0], _with_parameters(leaf[1], numbers))
            if isinstance(leaf, tuple)
            else _with_parameters(leaf, numbers)
            for leaf in value.children
        ]
        return Q.create(leaves, value.connector, value.negated)
    if isinstance(value, (list, tuple)):
        return Parameters([_with_parameters(each, numbers) for each in value]) if value else []
    return Parameter(next(numbers), _kind_of(value))


def _kind_of(value: Any) -> type:
    """Return the type in FIELDS of which the value is; raises TypeError for any other."""
    kind = type(value)
    if kind in FIELDS:
        return kind
    for known in FIELDS:
        if isinstance(value, known):
            return known
    raise TypeError(f"A compiled query takes no {kind.__name__}.")


def _bound(params: Iterable[Any], values: list[Any], connection: Any) -> tuple[Any, ...]:
    """Return the parameters of the SQL, with the values in their places."""
    return tuple(
        _adapted(values[each.number], each.kind, connection)
        if isinstance(each, Parameter)
        else each
        for each in params
    )


def _adapted(value: Any, kind: type, connection: Any) -> Any:
    """Return the value as the database takes it."""
    if kind in ADAPTERS:
        return getattr(connection.ops, ADAPTERS[kind])(value)
    return value if type(value) is kind else kind(value)
