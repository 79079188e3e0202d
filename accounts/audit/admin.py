"""Admins that record who reads a patient's data, and the admin of the audit trail itself."""

from collections.abc import Iterable
from typing import Any, cast

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.sites import AdminSite
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.audit.models import RARE_ACTIONS, AuditEvent
from accounts.audit.views import record_read
from accounts.exceptions import Throttled
from accounts.privacy import AllSitesAdminMixin, display_name, sees_all_sites
from extensions.admin.base import ReadOnlyAdmin
from extensions.admin.columns import two_lines
from extensions.admin.forms import shows_labels, valid_keys
from extensions.admin.lists import MOST_READ


class AuditedAdminMixin:
    """An admin whose pages record an AuditEvent for each patient whose data they show.

    A form that is shown again after an error counts as a page.
    """

    patient_path = "patient"  # attribute path from a row to its patient; empty: the row is one

    @property
    def audited_model(self) -> type[Model]:
        """The admin's model, under the name that `accounts.audit.denials` reads on every view."""
        model: type[Model] = self.model  # type: ignore[attr-defined]
        return model

    def rows_shown(self, of: Model | type[Model], rows: Iterable[Any]) -> None:
        """Record a read of these rows; `of`: the row of the page, or the model of a list."""
        record_read(of, rows, self.patient_path, otherwise="staff")

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist: ChangeList = super().get_changelist_instance(request)  # type: ignore[misc]
        self.rows_shown(self.audited_model, changelist.result_list)
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Return the row of a page, and record the read if the user may view the row.

        On the page of deletion `get_deleted_objects` records the rows that it shows.
        """
        row = super().get_object(request, object_id, from_field)  # type: ignore[misc]
        match = request.resolver_match
        deleting = match is not None and str(match.url_name).endswith("_delete")
        if row is not None and not deleting and self._may_see(request, row):
            self.rows_shown(row, [row])
        return row

    def _may_see(self, request: HttpRequest, row: Any) -> bool:
        may: bool = self.has_view_or_change_permission(request, row)  # type: ignore[attr-defined]
        return may

    def get_formset_kwargs(self, request: HttpRequest, obj: Any, inline: Any, prefix: str) -> Any:
        """Record that the page also shows an audited inline, whose rows have the same patient."""
        if obj.pk and hasattr(inline, "patient_path"):
            record_read(inline.model, [obj], self.patient_path, otherwise="staff")
        return super().get_formset_kwargs(request, obj, inline, prefix)  # type: ignore[misc]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Record the patient whom the page of a new row shows, selected by the URL or the form."""
        form = context["adminform"].form
        if kwargs.get("add") and "patient" in form.fields and shows_labels(form.fields["patient"]):
            people = form.fields["patient"].queryset
            rows = list(people.filter(pk__in=valid_keys([form["patient"].value()])))
            if rows:
                record_read(people.model, rows, "", otherwise="staff")
        return super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        rows = list(objs)
        self.rows_shown(self.audited_model, rows)
        return super().get_deleted_objects(rows, request)  # type: ignore[misc]


class AuditedAutocompleteView(AutocompleteJsonView):
    """The suggestions of an autocomplete field, recorded if they name patients."""

    def process_request(self, request: HttpRequest) -> Any:
        """Parse the request; raises PermissionDenied for a field that no form autocompletes.

        Django itself serves every relation of every model, reverse ones and hidden fields included.
        """
        names = ("app_label", "model_name", "field_name")
        if tuple(request.GET.get(name) for name in names) not in self._offered():
            raise PermissionDenied
        return super().process_request(request)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return the suggestions; over a limit the reason, as a row that cannot be selected."""
        try:
            return super().get(request, *args, **kwargs)
        except Throttled as error:
            reason = {"id": "", "text": str(error), "disabled": True}
            answer = {"results": [reason], "pagination": {"more": False}}
            return JsonResponse(answer, headers={"Retry-After": str(error.wait)})

    def _offered(self) -> set[tuple[str, str, str]]:
        """Return app label, model name and field name of every autocomplete field of the site."""
        site = cast(AdminSite, self.admin_site)
        return {
            (form.model._meta.app_label, form.model._meta.model_name, name)
            for model_admin in site._registry.values()
            for form in (model_admin, *model_admin.inlines)
            for name in form.autocomplete_fields
        }

    def has_perm(self, request: HttpRequest, obj: Any = None) -> bool:
        if isinstance(self.model_admin, AuditedAdminMixin):
            # For `accounts.audit.denials`: one URL serves the autocomplete fields of all models.
            request.audited_model = self.model_admin.audited_model  # type: ignore[attr-defined]
        return super().has_perm(request, obj)

    def get_queryset(self) -> Any:
        """Return the suggestions; to staff of a site, only what the form would accept."""
        rows = super().get_queryset()
        site: Any = self.admin_site
        if sees_all_sites(self.request) or not site.is_registered(self.source_field.model):
            return rows
        source = site.get_model_admin(self.source_field.model)
        accepted = source.get_field_queryset(None, self.source_field, self.request)
        if accepted is None:
            return rows
        # Both conditions side by side read only these rows; those of a subquery could be all.
        plain = not (accepted.query.distinct or rows.query.distinct)
        return rows & accepted.order_by() if plain else rows.filter(pk__in=accepted.values("pk"))

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, Any]:
        """Return a suggestion, with the text that the admin's `suggestion` makes, if it has one."""
        result: dict[str, Any] = super().serialize_result(obj, to_field_name)
        text = getattr(self.model_admin, "suggestion", str)(obj)
        return {**result, "text": text}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        if isinstance(self.model_admin, AuditedAdminMixin):
            self.model_admin.rows_shown(self.model_admin.audited_model, context["object_list"])
        return context


@admin.register(AuditEvent)
class AuditEventAdmin(AllSitesAdminMixin, AuditedAdminMixin, ReadOnlyAdmin):
    """Audit events, latest first; those of emergency access are marked."""

    fields = readonly_fields = (
        "at",
        "stands_out",
        "who",
        "role",
        "channel",
        "action",
        "outcome",
        "of",
        "number",
        "patient_id",
        "address",
        "request_id",
        "emergency_id",
    )
    list_display = ("at", "who_acted", "what", "patient_id", "stands_out")
    list_select_related = ("actor",)
    list_filter = ("emergency", "outcome", "action", "role", "channel", "at")
    link_filters = ("patient_id__exact",)
    date_hierarchy = "at"
    opens_with_this_month = True
    bounding_filters = ("at__gte", "emergency__exact")
    unindexed_filters = ("outcome__exact", "action__exact", "role__exact", "channel__exact")
    unindexed_search = frozenset({"request_id__exact", "actor_name"})
    ordering = ("-at", "-pk")
    sortable_by = ("at",)
    search_fields = (
        "patient_id__exact",
        "request_id__exact",
        "actor__last_name",
        "actor__first_name",
        "actor_name",
    )

    @property
    def search_help_text(self) -> str:  # type: ignore[override]
        """Return what the search finds, and among how many events."""
        sentence = gettext(
            "Number of the patient, or who it was. The id of a request, and the name of a deleted "
            "account, are looked for in the latest %(number)s events: choose the day before."
        )
        return sentence % {"number": number_format(MOST_READ, force_grouping=True)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        """Return the events, joined with their actors; the actor of a deleted account is None.

        Without the join, reading that actor would raise DoesNotExist.
        """
        return super().get_queryset(request).select_related("actor")

    def most_read(self, request: HttpRequest) -> int | None:
        """Return None also for denied calls and rare actions, of which there is an index."""
        asked = request.GET
        is_denied = asked.get("outcome__exact") == AuditEvent.Outcome.DENIED
        if is_denied or asked.get("action__exact") in RARE_ACTIONS:
            return None
        return super().most_read(request)

    def rows_shown(self, of: Any, rows: Any) -> None:
        """Record one read: of the patient of the event shown, or of no patient for a list."""
        patient = None if isinstance(of, type) else of.patient_id
        AuditEvent.objects.record("read", of, [patient], role=AuditEvent.Role.STAFF)

    @admin.display(description="", empty_value="")
    def stands_out(self, event: AuditEvent) -> SafeString | str:
        if not event.emergency:
            return ""
        words = gettext("EMERGENCY %(number)s") % {"number": event.emergency_id}
        return format_html("<strong>{}</strong>", words)

    @admin.display(description=_("who"))
    def who_acted(self, event: AuditEvent) -> SafeString:
        """Return who acted, and in which role."""
        return two_lines(self.who(event) or "-", event.get_role_display())

    @admin.display(description=_("what"))
    def what(self, event: AuditEvent) -> SafeString:
        """Return the action, whether it was denied, and the kind and number of the row."""
        action = event.get_action_display()
        if event.outcome == AuditEvent.Outcome.DENIED:
            action = gettext("%(action)s (denied)") % {"action": action}
        row = "" if event.object_id is None else f" {event.object_id}"
        return two_lines(action, f"{self.of(event)}{row}")

    @admin.display(description=pgettext_lazy("what an event is about", "of"))
    def of(self, event: AuditEvent) -> str:
        """Return the kind of the row in the words of staff, or the page of the desk."""
        try:
            return str(apps.get_model(event.kind)._meta.verbose_name)
        except LookupError:
            return gettext(event.kind.replace(".", ": ").replace("_", " "))

    @admin.display(description=_("its number"), empty_value="-")
    def number(self, event: AuditEvent) -> int | None:
        """Return the key of the row; None for a list."""
        return event.object_id

    @admin.display(description=_("who"), empty_value="-")
    def who(self, event: AuditEvent) -> str:
        return display_name(event.actor_id, event.actor_name, event.actor)
