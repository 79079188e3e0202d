"""Links between pages of the admin."""

from typing import Any

from django.contrib.admin.templatetags.admin_urls import admin_urlname
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString


def change_link(obj: Model) -> SafeString:
    """Return an HTML link to the row's change page, with `str(obj)` as its text."""
    path = reverse(admin_urlname(obj._meta, SafeString("change")), args=[quote(str(obj.pk))])
    return format_html('<a href="{}">{}</a>', path, obj)


def list_link(model: type[Model], words: Any, **filters: Any) -> SafeString:
    """Return an HTML link to the model's changelist with these filters; `words`: its text.

    The list's admin names the filters in `link_filters`; it refuses all that it does not offer.
    """
    path = reverse(admin_urlname(model._meta, SafeString("changelist")))
    return format_html('<a href="{}?{}">{}</a>', path, urlencode(filters), words)
