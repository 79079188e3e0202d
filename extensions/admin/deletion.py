"""What the page that asks "are you sure?" says, in a fixed number of queries."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import CASCADE, PROTECT, Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from accounts.audit.admin import AuditedAdminMixin
from extensions.admin.links import change_link

NAMED = 10


class DeletionSummary:
    """What else goes with these rows, and what holds them: Django's own page visits every row."""

    def __init__(self, rows: Sequence[Any], request: HttpRequest, site: AdminSite) -> None:
        self.rows, self.request, self.site = rows, request, site

    def counts(self) -> dict[str, int]:
        """How many rows of which kind would go."""
        counts = {str(self.rows[0]._meta.verbose_name_plural): len(self.rows)} if self.rows else {}
        for related in self._related(CASCADE):
            count = related.count()
            if count:
                counts[str(related.model._meta.verbose_name_plural)] = count
        return counts

    def in_the_way(self) -> list[str]:
        """The rows for which these must stay: some by name, the rest by number."""
        return [line for related in self._related(PROTECT) for line in self._named(related)]

    def _related(self, on_delete: Any) -> Iterable[QuerySet[Any]]:
        if not self.rows:
            return
        for relation in self.rows[0]._meta.get_fields(include_hidden=True):
            if getattr(relation, "on_delete", None) is on_delete and relation.auto_created:
                rows = relation.related_model._base_manager.all()
                yield rows.filter(**{f"{relation.field.name}__in": self.rows})

    def _named(self, related: QuerySet[Any]) -> list[str]:
        count = related.count()
        lines = [_named(row) for row in self._visible(related)]
        if count > len(lines):
            options = related.model._meta
            kind = options.verbose_name if count - len(lines) == 1 else options.verbose_name_plural
            lines.append(f"{count - len(lines)} {'more ' if lines else ''}{kind}")
        return lines

    def _visible(self, related: QuerySet[Any]) -> Iterable[Model]:
        """The first few, read as the admin of their kind reads them, for those who may see them."""
        if not self.site.is_registered(related.model):
            return []
        kept = self.site.get_model_admin(related.model)
        if not kept.has_view_permission(self.request):
            return []
        rows = kept.get_queryset(self.request).filter(pk__in=related.values("pk"))[:NAMED]
        if isinstance(kept, AuditedAdminMixin):
            kept.rows_shown(related.model, rows)
        return rows


def _named(row: Model) -> str:
    return format_html("{}: {}", str(row._meta.verbose_name).capitalize(), change_link(row))
