"""Template tags of the desk."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext, pgettext_lazy

from appointment.desk.day_query import Card
from appointment.desk.reasons import shown_reason
from extensions.formats import date_text, day_text

register = template.Library()
KEY = "{key}"  # stands for the key of the visit in the format that `_acts` returns
ROW_KINDS = {  # what an import does with a row, in words
    "new": pgettext_lazy("row of an import", "new"),
    "changed": pgettext_lazy("row of an import", "changed"),
    "unchanged": pgettext_lazy("row of an import", "unchanged"),
    "refused": pgettext_lazy("row of an import", "refused"),
}


@register.simple_tag
def acts(card: Card, of: str = "v") -> SafeString:
    """Return the buttons of a visit. `of`: the first letter of the ids, another one in a panel.

    The page of a day has hundreds of them and few kinds, so that each kind is made once.
    """
    return format_html(_acts(get_language(), card.actions, card.takes_back, of), key=card.pk)


@cache
def _acts(language: str | None, actions: tuple[str, ...], takes_back: str, of: str) -> str:
    """Return the buttons in the active language, of which `language` is the code."""
    shown = {"actions": actions, "takes_back": takes_back, "key": KEY, "of": of}
    return render_to_string("desk/acts.html", shown)


register.filter("shown_reason", shown_reason)
register.filter("day_text", day_text)
register.filter("date_text", date_text)


@register.filter
def row_kind(kind: str) -> str:
    """Return in words what an import does with a row."""
    return str(ROW_KINDS[kind])


@register.simple_tag
def visits_number(element: str, number: int, fresh: bool = False) -> SafeString:
    """Return how many visits there are, in an element with this id, which a refresh replaces."""
    text = ngettext("%(number)d visit", "%(number)d visits", number) % {"number": number}
    swap = SafeString(' hx-swap-oob="true"') if fresh else ""
    return format_html('<span id="{}"{}>{}</span>', element, swap, text)


# Of hundreds of rows, a template takes ten times as long as these formats.


@register.simple_tag
def options(rows: Iterable[Any], chosen: Any = None) -> SafeString:
    """Return an option for each of these rows: its key and its words; one may be chosen."""
    shown = ((row.pk, " selected" if row.pk == chosen else "", str(row)) for row in rows)
    return format_html_join("", '<option value="{}"{}>{}</option>', shown)


@register.simple_tag
def figure_rows(rows: Iterable[Any]) -> SafeString:
    """Return the rows of the table of places and visits."""
    cells = "</td><td>".join(["{}"] * 7)
    line = f'<tr><th scope="row">{{}}</th><td>{cells}</td></tr>\n'
    numbers = ("label", "places", "held", "booked", "done", "no_show", "canceled", "use_text")
    return format_html_join("", line, ([getattr(row, name) for name in numbers] for row in rows))


@register.simple_tag
def lead_rows(rows: Iterable[Any]) -> SafeString:
    """Return the rows of the table of lead times."""
    line = '<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>\n'
    return format_html_join("", line, ((row.label, row.booked, row.lead_text) for row in rows))
