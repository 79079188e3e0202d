"""Template tags of the desk."""

from functools import cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

register = template.Library()
KEY = "{key}"  # stands for the key of the visit in what `_acts` returns


@register.simple_tag
def acts(actions: tuple[str, ...], visit: str, of: str = "v") -> SafeString:
    """Return the buttons of a visit. `of`: the first letter of the ids, another one in a panel.

    The page of a day has hundreds of them and few kinds, so that each kind is made once.
    """
    return mark_safe(_acts(actions, of).replace(KEY, visit))  # noqa: S308  (a key)


@cache
def _acts(actions: tuple[str, ...], of: str) -> str:
    return render_to_string("desk/acts.html", {"actions": actions, "key": KEY, "of": of})
