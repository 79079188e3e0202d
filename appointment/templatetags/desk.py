"""Template tags of the desk."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from appointment.desk.day_query import Card

register = template.Library()
KEY = "{key}"  # stands for the key of the visit in the format that `_acts` returns


@register.simple_tag
def acts(card: Card, of: str = "v") -> SafeString:
    """Return the buttons of a visit. `of`: the first letter of the ids, another one in a panel.

    The page of a day has hundreds of them and few kinds, so that each kind is made once in a
    language.
    """
    language = get_language() or ""
    return format_html(_acts(card.actions, card.takes_back, of, language), key=card.pk)


@cache
def _acts(actions: tuple[str, ...], takes_back: str, of: str, language: str) -> str:
    shown = {"actions": actions, "takes_back": takes_back, "key": KEY, "of": of}
    return render_to_string("desk/acts.html", shown)


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
