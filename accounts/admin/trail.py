"""Pages of the admin that leave a trail: whoever is shown a patient's data is written down."""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model
from django.http import HttpRequest

from accounts.admin.forms import known_keys
from accounts.trail import note_read


class LeavesTrail:
    """An admin each of whose pages leaves an event for each patient whom it shows.

    A form that is sent and shown again is a page too. `whose` is the way from a row to its patient.
    """

    whose = "patient"

    @property
    def shows(self) -> type[Model]:
        """What of a patient it shows, also where it is refused."""
        model: type[Model] = self.model  # type: ignore[attr-defined]
        return model

    def note_shown(self, of: Model | type[Model], rows: Iterable[Any]) -> None:
        """Write down that the person at the admin is shown these rows."""
        note_read(of, rows, self.whose, otherwise="staff")

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist: ChangeList = super().get_changelist_instance(request)  # type: ignore[misc]
        self.note_shown(self.shows, changelist.result_list)
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """The row of a page; that it may not be seen, the view says later.

        A page of deletion shows it, if at all, in `get_deleted_objects`.
        """
        row = super().get_object(request, object_id, from_field)  # type: ignore[misc]
        match = request.resolver_match
        deleting = match is not None and str(match.url_name).endswith("_delete")
        if row is not None and not deleting and self._may_see(request, row):
            self.note_shown(row, [row])
        return row

    def _may_see(self, request: HttpRequest, row: Any) -> bool:
        may: bool = self.has_view_or_change_permission(request, row)  # type: ignore[attr-defined]
        return may

    def get_formset_kwargs(self, request: HttpRequest, obj: Any, inline: Any, prefix: str) -> Any:
        """What goes with the row on its page is shown with it."""
        if obj.pk and hasattr(inline, "whose"):
            note_read(inline.model, [obj], self.whose, otherwise="staff")
        return super().get_formset_kwargs(request, obj, inline, prefix)  # type: ignore[misc]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """A form to add names the patient whom its address, or what was sent, has chosen."""
        if kwargs.get("add") and "patient" in context["adminform"].form.fields:
            chosen = known_keys([context["adminform"].form["patient"].value()])
            people = self.model._meta.get_field("patient").related_model.objects  # type: ignore[attr-defined]
            rows = list(people.filter(pk__in=chosen))
            if rows:
                note_read(people.model, rows, "", otherwise="staff")
        return super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        rows = list(objs)
        self.note_shown(self.shows, rows)
        return super().get_deleted_objects(rows, request)  # type: ignore[misc]


class Suggestions(AutocompleteJsonView):
    """What a field of the admin suggests; of patients, their names and dates of birth."""

    def has_perm(self, request: HttpRequest, obj: Any = None) -> bool:
        if isinstance(self.model_admin, LeavesTrail):
            request.shows = self.model_admin.shows  # type: ignore[attr-defined]
        return super().has_perm(request, obj)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        if isinstance(self.model_admin, LeavesTrail):
            self.model_admin.note_shown(self.model_admin.shows, context["object_list"])
        return context
