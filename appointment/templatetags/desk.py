"""Template tags of the desk."""

from functools import cache

from django import template
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from appointment.desk.day_query import Card

register = template.Library()
KEY = "{key}"  # stands for the key of the visit in the format that `_acts` returns


@register.simple_tag
def acts(card: Card, of: str = "v") -> SafeString:
    """Return the buttons of a visit. `of`: the first letter of the ids, another one in a panel.

    The page of a day has hundreds of them and few kinds, so that each kind is made once.
    """
    return format_html(_acts(card.actions, card.takes_back, of), key=card.pk)


@cache
def _acts(actions: tuple[str, ...], takes_back: str, of: str) -> str:
    shown = {"actions": actions, "takes_back": takes_back, "key": KEY, "of": of}
    return render_to_string("desk/acts.html", shown)
