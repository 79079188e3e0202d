"""What the admin's delete confirmation page lists, with no query for each row."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import CASCADE, PROTECT, Model, QuerySet
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.translation import gettext

from extensions.admin.base import BaseAdmin
from extensions.admin.links import change_link
from extensions.admin.lists import MOST_COUNTED

MAX_NAMED = 10


class DeletionSummary:
    """The number of rows that a deletion cascades to, and the rows that forbid it (PROTECT).

    Only rows that refer to the deleted ones directly count. Django's own page loads every related
    row to list it.
    """

    def __init__(self, rows: Sequence[Any], request: HttpRequest, site: AdminSite) -> None:
        self.rows, self.request, self.site = rows, request, site

    def model_count(self) -> dict[str, str]:
        """Map the plural name of each model to the number of its rows that would be deleted."""
        name = str(self.rows[0]._meta.verbose_name_plural) if self.rows else ""
        counts = {name: str(len(self.rows))} if self.rows else {}
        for related in self._related(CASCADE):
            if count := _count(related):
                counts[str(related.model._meta.verbose_name_plural)] = _text(count)
        return counts

    def protected(self) -> list[str]:
        """Return lines on the rows that forbid the deletion: up to ten a model, then a count."""
        return [line for related in self._related(PROTECT) for line in self._lines(related)]

    def _related(self, on_delete: Any) -> Iterable[QuerySet[Any]]:
        if not self.rows:
            return
        for relation in self.rows[0]._meta.get_fields(include_hidden=True):
            if getattr(relation, "on_delete", None) is on_delete and relation.auto_created:
                rows = relation.related_model._base_manager.all()
                yield rows.filter(**{f"{relation.field.name}__in": self.rows})

    def _lines(self, related: QuerySet[Any]) -> list[str]:
        count = _count(related)
        lines = [_line(row) for row in self._visible(related)]
        if count > len(lines):
            options = related.model._meta
            kind = options.verbose_name if count - len(lines) == 1 else options.verbose_name_plural
            further = {"number": _text(count - len(lines)), "rows": kind}
            words = gettext("%(number)s more %(rows)s") if lines else "%(number)s %(rows)s"
            lines.append(words % further)
        return lines

    def _visible(self, related: QuerySet[Any]) -> Iterable[Model]:
        """Return the first MAX_NAMED of these rows; none if the user may not view their model."""
        if not self.site.is_registered(related.model):
            return []
        model_admin = self.site.get_model_admin(related.model)
        if not model_admin.has_view_permission(self.request):
            return []
        # In no order: the database would otherwise read the whole table in that of the list.
        rows = (model_admin.get_queryset(self.request) & related).order_by()[:MAX_NAMED]
        if isinstance(model_admin, BaseAdmin):
            model_admin.rows_shown(related.model, rows)
        return rows


def _count(rows: QuerySet[Any]) -> int:
    """Return how many rows there are, counted up to a limit."""
    return rows.order_by()[: MOST_COUNTED + MAX_NAMED + 1].count()


def _text(count: int) -> str:
    number = number_format(min(count, MOST_COUNTED), force_grouping=True)
    return number if count <= MOST_COUNTED else f"{number}+"


def _line(row: Model) -> str:
    return format_html("{}: {}", str(row._meta.verbose_name).capitalize(), change_link(row))
