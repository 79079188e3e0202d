"""Folded keys beside names: computed whenever a row is written, sorted and compared by byte.

A key is true at every commit if rows are written by `save`, `bulk_create` or the `update` of
FoldedQuerySet. PostgreSQL and SQLite order and find them in the same way, by an index.
"""

from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

from django.db import connection, models, transaction
from django.db.models import Q, QuerySet

from extensions.db.batches import ROWS_PER_QUERY, batches
from extensions.search import LAST, Term
from extensions.text import fold, search_words

NAME_KEY = 150  # characters: an index row of PostgreSQL has a limit
ALL_WORDS = 1000

Row = TypeVar("Row", bound="FoldedModel")


def beginning(column: str, text: str) -> Q:
    """Return the condition that the column begins with this text: one range of an index.

    LIKE would not use the index of SQLite, whose LIKE ignores case.
    """
    return Q(**{f"{column}__gte": text, f"{column}__lt": f"{text}{LAST}"})


def begins_with(column: str, text: str) -> Q:
    """Return the condition that a column begins with this text, by its index on both databases.

    The column may have any collation, unlike that of `beginning`: PostgreSQL compares by the index
    that Django makes for LIKE.
    """
    if connection.vendor == "postgresql":
        return Q(**{f"{column}__startswith": text})
    return beginning(column, text)


class BytewiseCharField(models.CharField):
    """A text that both databases compare by byte, which is by code point."""

    def db_parameters(self, connection: Any) -> Any:
        """Add the collation C on PostgreSQL; that of SQLite is BINARY, which is the same order."""
        collation = "C" if connection.vendor == "postgresql" else None
        return {**super().db_parameters(connection), "collation": collation}


class FoldedField(BytewiseCharField):
    """A key that is computed from the columns `sources` before each write."""

    def __init__(self, sources: tuple[str, ...] = (), **options: Any) -> None:
        self.sources = tuple(sources)
        shown = {"max_length": NAME_KEY, "editable": False, "default": "", "db_default": ""}
        super().__init__(**{**shown, **options})

    def deconstruct(self) -> Any:
        """Add the sources to the arguments with which a migration makes the field."""
        name, path, args, options = super().deconstruct()
        return name, path, args, {**options, "sources": self.sources}

    def pre_save(self, instance: models.Model, add: bool) -> str:
        """Return the key of the row's present sources, and set it on the row."""
        key = self.key_of(instance)
        setattr(instance, self.attname, key)
        return key

    def key_of(self, instance: models.Model) -> str:
        """Return the key of the row's sources."""
        return self.compute([getattr(instance, name) for name in self.sources])[: self.max_length]

    def compute(self, texts: list[str]) -> str:
        """Return the key of these texts."""
        raise NotImplementedError


class FoldedNameField(FoldedField):
    """The folded name, to sort by and to compare."""

    @classmethod
    def fold(cls, name: str) -> str:
        """Return the key of this name."""
        return fold(name)[:NAME_KEY]

    def compute(self, texts: list[str]) -> str:
        return self.fold(" ".join(texts))


class FoldedWordsField(FoldedField):
    """The words by which a row of a small table is found, each after a space."""

    def __init__(self, sources: tuple[str, ...] = (), **options: Any) -> None:
        super().__init__(sources, **{"max_length": ALL_WORDS, **options})

    def compute(self, texts: list[str]) -> str:
        return "".join(f" {word}" for word in search_words(*texts))


class FoldedQuerySet(QuerySet[Row]):
    """A queryset whose writes keep the keys, and what else is computed from the sources, true."""

    def update(self, **changes: Any) -> int:
        """Update as Django does; if a source or a key is among the columns, compute the keys again.

        The rows are locked by the update until the transaction ends, so that the sources read
        after it are those that are committed. It updates the rows that it has read, and none that
        another transaction inserts meanwhile.
        """
        derived = {field.name for field in self.model.folded_fields()}
        if changes.keys().isdisjoint(self.model.folded_sources() | derived):
            return super().update(**changes)
        count = 0
        with transaction.atomic(using=self.db):
            for keys in batches(self.order_by("pk").values_list("pk", flat=True), ROWS_PER_QUERY):
                rows = self.filter(pk__in=keys)
                count += super(FoldedQuerySet, rows).update(**changes)
                self.model.fold_again(keys)
        return count

    def bulk_create(self, objs: Iterable[Any], *args: Any, **options: Any) -> list[Any]:
        """Insert as Django does, and what is computed from the sources beside the row."""
        with transaction.atomic(using=self.db, savepoint=False):
            rows = super().bulk_create(objs, *args, **options)
            self.model.keep_words(rows, new=True)
        return rows


class SmallTableMixin:
    """A queryset of rows with a `name`, of a small table: a search reads and folds all names."""

    search_columns = frozenset({"name"})

    def search_keys(self: Any, term: Term, terms: Any = ()) -> set[int]:
        """Return the primary keys of the rows of whose name the term begins a word."""
        if not term.word:
            return set()
        names = self.order_by().values_list("pk", "name")
        return {pk for pk, name in names if _begins_a_word(term.word, name)}


class FoldedModel(models.Model):
    """A row with folded keys. `words_from`: columns from which rows of another table are made."""

    words_from: ClassVar[tuple[str, ...]] = ()

    class Meta:
        abstract = True

    def save(self, **options: Any) -> None:
        """Save the row with its keys, also where `update_fields` names a source only."""
        names, new = options.get("update_fields"), self._state.adding
        touched = names is None or not self.folded_sources().isdisjoint(names)
        if names is not None and touched:
            options["update_fields"] = {*names, *(field.name for field in self.folded_fields())}
        with transaction.atomic(using=options.get("using"), savepoint=False):
            super().save(**options)
            if touched:
                self.keep_words([self], new=new)

    @classmethod
    def folded_fields(cls) -> list[FoldedField]:
        """Return the fields that hold a key."""
        return [field for field in cls._meta.fields if isinstance(field, FoldedField)]

    @classmethod
    def folded_sources(cls) -> set[str]:
        """Return the names of the columns that a key or a word is computed from."""
        return {*cls.words_from, *(name for field in cls.folded_fields() for name in field.sources)}

    @classmethod
    def keep_words(cls, rows: Iterable[Any], new: bool = False) -> None:
        """Do nothing; a model with a table of words writes there what these rows are found by.

        `new`: the rows have just been inserted.
        """

    @classmethod
    def wrong_keys(cls, row: Any) -> dict[str, str]:
        """Return the keys that the row should have and has not, by column."""
        keys = {field.attname: field.key_of(row) for field in cls.folded_fields()}
        return {name: key for name, key in keys.items() if getattr(row, name) != key}

    @classmethod
    def wrongly_folded(cls, rows: list[Any]) -> set[int]:
        """Return the primary keys of those of the rows that have a wrong key or wrong words."""
        return {row.pk for row in rows if cls.wrong_keys(row)}

    @classmethod
    def fold_again(cls, keys: Iterable[int]) -> None:
        """Compute the keys and words of the rows with these primary keys.

        Locks the rows by primary key.
        """
        for some in batches(keys, ROWS_PER_QUERY):
            with transaction.atomic():
                rows = cls._base_manager.select_for_update(no_key=True).filter(pk__in=some)
                found = list(rows.order_by("pk"))
                for row in found:
                    if wrong := cls.wrong_keys(row):
                        cls._base_manager.filter(pk=row.pk).update(**wrong)
                cls.keep_words(found)


def _begins_a_word(beginning: str, name: str) -> bool:
    return any(word.startswith(beginning) for word in search_words(name))
