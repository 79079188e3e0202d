"""Imports of CSV files by django-import-export: check every row first, then write in batches.

A row is found by its `external_id`, so a second import of a file changes nothing. Nothing is
written unless every row is right, or the user asks for the good rows only.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ClassVar

import tablib
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, transaction
from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from import_export.resources import ModelResource
from import_export.results import RowResult

from extensions.csv_files import Row, Table, unreadable
from extensions.db.batches import batches
from extensions.db.retry import ATTEMPTS, retry_on_conflict
from extensions.exceptions import DomainError
from extensions.import_columns import Column

NEW, CHANGED, UNCHANGED, REFUSED = "new", "changed", "unchanged", "refused"
KINDS = {
    RowResult.IMPORT_TYPE_NEW: NEW,
    RowResult.IMPORT_TYPE_UPDATE: CHANGED,
    RowResult.IMPORT_TYPE_SKIP: UNCHANGED,
}
MOST_LISTED = 500  # rows of each kind that a report names
ROWS_PER_BATCH = 500
LABEL = 100  # characters of a refused row's name that a report repeats
NO_EXTERNAL_ID = _("Every row needs one: the next import finds the row by it.")
COLLISION = _("Another user has changed the same rows at the same moment. Check the file again.")


@dataclass(frozen=True)
class Note:
    """A sentence about a row: of one of its columns, or of the whole row ("").

    `is_doubt`: the row may be there already; `of`: the key of the stored row that it may be.
    """

    text: str
    column: str = ""
    is_doubt: bool = False
    of: int | None = None


@dataclass
class Outcome:
    """What an import does with a row: its first line in the file, its kind, name and notes."""

    line: int
    kind: str
    label: Any = ""  # a text, or the row, whose `str` is its name
    notes: list[Note] = field(default_factory=list)

    @property
    def is_written(self) -> bool:
        """Whether the import writes the row."""
        return self.kind in (NEW, CHANGED)


@dataclass
class Report:
    """What an import does, or would do: the number of rows of each kind, and the first of them.

    `is_written`: the rows are written. `stopped`: an import of all rows that ended at a row which
    was right when it was checked; the rows before it are written.
    """

    counts: Counter[str] = field(default_factory=Counter)
    listed: list[Outcome] = field(default_factory=list)
    doubted: int = 0  # new rows of people who may be there already
    is_written: bool = False
    stopped: bool = False

    @property
    def refused(self) -> int:
        """The number of refused rows."""
        return self.counts[REFUSED]

    @property
    def to_write(self) -> int:
        """The number of new and changed rows."""
        return self.counts[NEW] + self.counts[CHANGED]

    def add(self, outcome: Outcome) -> None:
        """Count the row, and list it if it is one of the first of its kind."""
        self.counts[outcome.kind] += 1
        self.doubted += any(note.is_doubt for note in outcome.notes)
        if self.counts[outcome.kind] <= MOST_LISTED and (outcome.kind != UNCHANGED):
            self.listed.append(outcome)


class CsvResource(ModelResource):
    """A resource that finds rows by `external_id` and reports what it does with each.

    A subclass reads what a batch needs in `load` and writes by verbs. `is_writing`: the rows are
    written; without it a batch is only checked, and its transaction is rolled back.
    """

    words: ClassVar[Any] = _("rows")
    required: ClassVar[tuple[str, ...]] = ("external_id",)
    not_checked: ClassVar[frozenset[str]] = frozenset()  # fields that validation leaves out
    is_checked_by_writing: ClassVar[bool] = False  # the verb alone knows whether it refuses a row
    rows_per_batch: ClassVar[int] = ROWS_PER_BATCH

    is_writing = False

    def __init__(self) -> None:
        super().__init__()
        for name, each in self.fields.items():
            each.attribute = each.attribute or name
        self.existing: dict[str, Any] = {}
        self.lines: Sequence[int] = ()
        self.line = 0
        self.seen: dict[tuple[str, Any], int] = {}  # values that a file may have once, and lines

    @classmethod
    def columns(cls) -> dict[str, Column]:
        """Return the columns of the file by name, in the order of the template."""
        return {name: cls.fields[name] for name in cls._meta.fields}

    # --- What a subclass says ---

    def load(self, rows: list[dict[str, str]]) -> None:
        """Read, and if `is_writing` lock, what the rows of a batch need; sets `existing`."""
        raise NotImplementedError

    def batches(self, rows: Iterable[Row]) -> Iterator[list[Row]]:
        """Yield the rows in lists, each of which is one transaction."""
        return batches(rows, self.rows_per_batch)

    def check_row(self, instance: Any, row: dict[str, str], is_new: bool) -> dict[str, Any]:
        """Return the reasons to refuse a row that can be read, by column."""
        return {}

    def write(self, instance: Any, changes: dict[str, Any], is_new: bool) -> None:
        """Write one row by a verb; a subclass with `use_bulk` does not call this."""
        raise NotImplementedError

    def notes_of(self, instance: Any) -> list[Note]:
        """Return what the user should know of a row that is not refused."""
        return []

    # --- How a batch runs ---

    def run(self, rows: list[Row]) -> list[Outcome]:
        """Import the rows in the present transaction; return the outcome of each, in their order.

        Raises any error that is neither a refusal nor a wrong value.
        """
        self.create_instances.clear()  # an attempt that failed left some
        self.update_instances.clear()
        readable = [row for row in rows if not row.trouble]
        self.lines = [row.line for row in readable]
        found = [
            Outcome(row.line, REFUSED, self.label_of(row.cells)[:LABEL], [Note(row.trouble)])
            for row in rows
            if row.trouble
        ]
        if readable:
            headers = list(readable[0].cells)
            cells = ([row.cells[name] for name in headers] for row in readable)
            dataset = tablib.Dataset(*cells, headers=headers)
            result = self.import_data(dataset, use_transactions=False)
            found += map(self.outcome, readable, result.rows)
        return sorted(found, key=lambda each: each.line)

    def outcome(self, row: Row, result: Any) -> Outcome:
        """Return what was done with the row."""
        instance = result.instance
        refusals = getattr(instance, "refusals", None) or self._refusals(result)
        if refusals:
            return Outcome(row.line, REFUSED, self.label_of(row.cells)[:LABEL], refusals)
        kind = KINDS[result.import_type]
        notes = self._changes_of(instance) if kind == CHANGED else []
        # `lazystr` would make a class for each row; a row that is not listed needs no name.
        return Outcome(row.line, kind, instance, notes + self.notes_of(instance))

    def label_of(self, cells: dict[str, str]) -> str:
        """Return how the report names a row that is not stored."""
        return cells.get("external_id", "").strip()

    def values(self, instance: Any) -> dict[str, Any]:
        """Return the values of the imported columns, by attribute."""
        return {each.attribute: each.value(instance) for each in self.get_import_fields()}

    def changes(self, instance: Any) -> dict[str, Any]:
        """Return the new values of the attributes that the row changes."""
        before, now = instance.values_before, self.values(instance)
        return {name: now[name] for name in now if now[name] != before[name]}

    def _changes_of(self, instance: Any) -> list[Note]:
        columns = {each.attribute: each for each in self.get_import_fields()}
        return [
            Note(
                f"{columns[name].shown(instance.values_before[name])} → "
                f"{columns[name].shown(value)}",
                columns[name].column_name,
            )
            for name, value in self.changes(instance).items()
        ]

    def _refusals(self, result: Any) -> list[Note]:
        if result.validation_error is not None:
            by_attribute = result.validation_error.update_error_dict({})
            names = {each.attribute: each.column_name for each in self.fields.values()}
            return [
                Note(message, "" if name == NON_FIELD_ERRORS else names.get(name, name))
                for name, errors in by_attribute.items()
                for error in errors
                for message in error.messages
            ]
        return [Note(self.refusal_text(each.error)) for each in result.errors]

    def refusal_text(self, error: DomainError) -> str:
        """Return the sentence for staff of a verb's refusal."""
        return error.staff_message

    def once(self, column: str, value: Any) -> str:
        """Return the reason to refuse a value that another line of the file has too, or ""."""
        first = self.seen.setdefault((column, value), self.line)
        if first == self.line:
            return ""
        return gettext("Line %(line)s of the file has the same.") % {"line": first}

    # --- The library's hooks ---

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        self.load(dataset.dict)

    def before_import_row(self, row: dict[str, str], **kwargs: Any) -> None:
        self.line = self.lines[kwargs["row_number"] - 1]

    def get_instance(self, instance_loader: Any, row: dict[str, str]) -> Any:
        return self.existing.get(row["external_id"].strip())

    def after_init_instance(self, instance: Any, new: bool, row: Any, **kwargs: Any) -> None:
        instance.values_before, instance.is_new = self.values(instance), new

    def import_instance(self, instance: Any, row: dict[str, str], **kwargs: Any) -> None:
        """Set the values of the row; raises ValidationError with all of its wrong cells."""
        errors: dict[str, Any] = {}
        for each in self.get_import_fields():
            if each.column_name in row:
                try:
                    each.save(instance, row)
                except (ValueError, ValidationError) as error:
                    errors[each.attribute] = getattr(error, "messages", [str(error)])
        key = row["external_id"].strip()
        if reason := self.once("external_id", key) if key else NO_EXTERNAL_ID:
            errors.setdefault("external_id", [reason])
        if not errors:
            found = self.check_row(instance, row, instance.is_new)
            errors = {name: [reason] for name, reason in found.items()}
        if errors:
            raise ValidationError(errors)

    def skip_row(self, instance: Any, original: Any, row: Any, errors: Any = None) -> bool:
        return not errors and not instance.is_new and not self.changes(instance)

    def validate_instance(
        self, instance: Any, errors: Any = None, validate_unique: Any = 1
    ) -> None:
        """Raise ValidationError for what the row or the model refuses, but for repeated keys."""
        found = dict(errors or {})
        try:
            not_checked = {*found, *self.not_checked}
            instance.full_clean(not_checked, validate_unique=False, validate_constraints=False)
        except ValidationError as error:
            found = error.update_error_dict(found)
        if found:
            raise ValidationError(found)

    def save_instance(self, instance: Any, is_create: bool, row: Any, **kwargs: Any) -> None:
        if self._meta.use_bulk:
            (self.create_instances if is_create else self.update_instances).append(instance)
        elif self.is_writing or self.is_checked_by_writing:
            self.write(instance, self.changes(instance), is_create)

    def import_row(self, row: Any, instance_loader: Any, **kwargs: Any) -> Any:
        """Import a row; raises its error, unless it is a refusal."""
        result = super().import_row(row, instance_loader, **kwargs)
        for each in result.errors:
            if not isinstance(each.error, DomainError):
                raise each.error
        return result

    def handle_import_error(
        self, result: Any, error: Exception, raise_errors: bool = False
    ) -> None:
        """Raise the error, which the library would only list."""
        raise error

    def after_import(self, dataset: Any, result: Any, **kwargs: Any) -> None:
        """Do nothing: the library would reset the sequences of primary keys."""


class CsvImport:
    """An import of one file by a resource; `make` returns a new resource for each pass.

    `record` is called in the transaction of the first batch that writes.
    """

    def __init__(
        self,
        make: Callable[[], CsvResource],
        data: bytes,
        *,
        most_rows: int | None = None,
        record: Callable[[], None] = lambda: None,
    ) -> None:
        self.make, self.most_rows, self.record = make, most_rows, record
        self.is_recorded = False
        resource = make()
        self.table = Table(data, list(resource.columns()), resource.required)

    def check(self) -> Report:
        """Return what the import would do. Writes nothing."""
        report, resource = Report(), self.make()
        for rows in resource.batches(self._rows()):
            for outcome in self._batch(resource, rows, keep=True):
                report.add(outcome)
        return report

    def run(self, good_rows_only: bool = False) -> Report:
        """Check all rows, then write; return what was done.

        Writes nothing if a row is refused, unless `good_rows_only`. A row may be refused that was
        right when it was checked, because another user changed something: without `good_rows_only`
        its batch is rolled back and the import ends there.
        """
        report = self.check()
        if (report.refused and not good_rows_only) or not report.to_write:
            return report
        report, resource = Report(is_written=True), self.make()
        resource.is_writing = True
        for rows in resource.batches(self._rows()):
            outcomes = self._batch(resource, rows, keep=good_rows_only)
            refused = [each for each in outcomes if each.kind == REFUSED]
            report.stopped = bool(refused) and not good_rows_only
            self.is_recorded |= not report.stopped and any(each.is_written for each in outcomes)
            for outcome in refused if report.stopped else outcomes:
                report.add(outcome)
            if report.stopped:
                break
        report.listed.sort(key=lambda each: each.line)
        return report

    def _rows(self) -> Iterator[Row]:
        rows = self.table.rows()
        if self.most_rows is None:
            return rows
        return self._limited(rows, self.most_rows)

    @staticmethod
    def _limited(rows: Iterator[Row], most: int) -> Iterator[Row]:
        yield from islice(rows, most)
        if next(rows, None) is not None:
            sentence = gettext(
                "The file has more than %(number)s rows. Split it, or let the operator of the "
                "server import it by its command."
            )
            raise unreadable(sentence % {"number": number_format(most, force_grouping=True)})

    def _batch(self, resource: CsvResource, rows: list[Row], keep: bool) -> list[Outcome]:
        """Import a batch in a transaction of its own; roll it back unless it is to be written.

        `keep`: the good rows are written although another one is refused. Runs again if another
        transaction inserts one of the rows at the same moment: then the row is found.
        """
        run = retry_on_conflict(self._transaction)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return run(resource, rows, keep)
            except IntegrityError:
                if attempt == ATTEMPTS:
                    raise unreadable(COLLISION) from None
        raise AssertionError("not reached")

    def _transaction(self, resource: CsvResource, rows: list[Row], keep: bool) -> list[Outcome]:
        with transaction.atomic():
            outcomes = resource.run(rows)
            refused = any(each.kind == REFUSED for each in outcomes)
            if not resource.is_writing or (refused and not keep):
                transaction.set_rollback(True)
            elif not self.is_recorded and any(each.is_written for each in outcomes):
                self.record()
        return outcomes
