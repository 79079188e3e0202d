"""The columns of an imported file: how a cell is read, and what the template says of it."""

import re
from collections.abc import Callable, Mapping
from datetime import date, time
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from import_export.fields import Field
from import_export.widgets import Widget
from phonenumber_field.phonenumber import PhoneNumber
from phonenumbers import NumberParseException

from extensions.dates import parse_date
from extensions.formats import date_text

FORMULAS = ("=", "@")  # how a formula begins; a phone number begins with a plus
FORMULA = _("The cell begins as a formula does. Write its value instead.")
YES, NO = ("yes", "y", "true", "1", "s\u00ed", "si", "s"), ("no", "n", "false", "0")
WALL_TIME = re.compile(r"([01]?[0-9]|2[0-3])[:.]([0-5][0-9])(?:[:.]00)?")
END_OF_DAY = re.compile(r"24[:.]00(?:[:.]00)?")
WHOLE = re.compile(r"[0-9]{1,9}")
SHOWN = 60  # characters of a value that a report repeats


class Cell(Widget):
    """A text. `empty`: the value of an empty cell."""

    empty: Any = ""
    keeps_if_empty = False

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        """Return the value of the cell; raises ValueError with a sentence for the user."""
        text = (value or "").replace("\r\n", "\n").strip()
        if text.startswith(FORMULAS):
            raise ValueError(FORMULA)
        return self.read(text, row or {}) if text else self.empty

    def read(self, text: str, row: Mapping[str, str]) -> Any:
        """Return the value of a text that is not empty."""
        return text

    def shown(self, value: Any) -> str:
        """Return a value that is not empty as the report shows it."""
        return str(value)


class DateCell(Cell):
    """A date as people type it (extensions/dates.py); `day_first` says how numbers are read."""

    empty = None
    day_first: Callable[[Mapping[str, str]], bool] = staticmethod(lambda row: False)

    def read(self, text: str, row: Mapping[str, str]) -> date:
        return parse_date(text, lambda: self.day_first(row))

    def shown(self, value: date) -> str:
        return date_text(value)


class TimeCell(Cell):
    """A wall time such as 09:00; 24:00 is midnight at the end of the day."""

    empty = None

    def read(self, text: str, row: Mapping[str, str]) -> time:
        if END_OF_DAY.fullmatch(text):
            return time()
        if found := WALL_TIME.fullmatch(text):
            return time(int(found[1]), int(found[2]))
        raise ValueError(gettext("Write the time as 09:00."))

    def shown(self, value: time) -> str:
        return f"{value:%H:%M}"


class NumberCell(Cell):
    """A whole number; `empty`: the value of an empty cell."""

    def __init__(self, empty: int | None) -> None:
        super().__init__()
        self.empty = empty

    def read(self, text: str, row: Mapping[str, str]) -> int:
        if not WHOLE.fullmatch(text):
            raise ValueError(gettext("Write a whole number."))
        return int(text)


class YesNoCell(Cell):
    """Yes or no; an empty cell leaves the row as it is."""

    keeps_if_empty = True

    def read(self, text: str, row: Mapping[str, str]) -> bool:
        if (word := text.casefold()) not in (*YES, *NO):
            raise ValueError(gettext("Write yes or no."))
        return word in YES

    def shown(self, value: bool) -> str:
        return gettext("yes") if value else gettext("no")


class ChoiceCell(Cell):
    """One of some words; `words` maps what people type, in small letters, to the value."""

    def __init__(
        self,
        words: Mapping[str, Any],
        hint: Any,
        empty: Any = "",
        labels: Mapping[Any, Any] | None = None,
    ) -> None:
        super().__init__()
        self.words, self.hint, self.empty, self.labels = words, hint, empty, labels or {}

    def read(self, text: str, row: Mapping[str, str]) -> Any:
        if (word := text.casefold()) not in self.words:
            raise ValueError(self.hint)
        return self.words[word]

    def shown(self, value: Any) -> str:
        return str(self.labels.get(value, value))


class CheckedNumber(PhoneNumber):
    """A phone number that is checked and written as text once; the library does so at each use."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.checked: tuple[bool, str] | None = None

    def is_valid(self) -> bool:
        """Whether the number can exist."""
        return self._check()[0]

    def __str__(self) -> str:
        return self._check()[1]

    def _check(self) -> tuple[bool, str]:
        if self.checked is None:
            is_valid = bool(super().is_valid())
            self.checked = (is_valid, self.as_e164 if is_valid else self.raw_input)
        return self.checked


class PhoneCell(Cell):
    """A phone number; one without a country code is of `region` (ISO 3166-1), if there is one."""

    region: str | None = None

    def read(self, text: str, row: Mapping[str, str]) -> PhoneNumber:
        try:
            number = CheckedNumber.from_string(text, region=self.region)
        except NumberParseException:
            number = None
        if number is None or not number.is_valid():
            sentence = gettext(
                "This is not a phone number. Write it with its country code: +34 612 345 678."
            )
            raise ValueError(sentence)
        return number


class Column(Field):
    """A column of the file, of the attribute of the same name unless `attribute` says another.

    `meaning`: what the template says of it. `example`: its cell in the template's example row.
    """

    def __init__(self, meaning: Any, example: str = "", cell: Cell | None = None, **more: Any):
        super().__init__(widget=cell or Cell(), **more)
        self.meaning, self.example = meaning, example

    def save(self, instance: Any, row: Any, is_m2m: bool = False, **kwargs: Any) -> None:
        """Set the value of the cell; raises ValueError with a sentence for the user."""
        if not self.widget.keeps_if_empty or (row[self.column_name] or "").strip():
            super().save(instance, row, is_m2m, **kwargs)

    def value(self, instance: Any) -> Any:
        """Return the value of the row in a form that compares by content."""
        value = getattr(instance, self.attribute, None)
        return str(value) if isinstance(value, PhoneNumber) else value

    def shown(self, value: Any) -> str:
        """Return a value as the report shows it, at most SHOWN characters."""
        text = self.widget.shown(value) if value not in (None, "", []) else gettext("nothing")
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
