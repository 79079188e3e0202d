"""Columns of lists that show two facts, one below the other, so that a table fits the page."""

from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString


def two_lines(first: Any, second: Any) -> SafeString:
    """Return both as HTML, escaped, the second on a line of its own if there is one."""
    below = str(second) if second else ""
    return format_html("{}<br>{}", first, below) if below else format_html("{}", first)
