"""A base ModelAdmin that writes through methods of the model and shows the errors they raise."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.templatetags.admin_urls import admin_urlname
from django.contrib.messages.storage import default_storage
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from extensions.admin.base import BaseAdmin
from extensions.admin.deletion import DeletionSummary
from extensions.admin.forms import PartialUpdateForm, RejectedFormMixin
from extensions.exceptions import DomainError

HANDLED_ERRORS = (DomainError, ValidationError, ObjectDoesNotExist, IntegrityError)


class DomainActionAdmin(BaseAdmin):
    """A ModelAdmin that writes through methods of the model and shows the errors they raise.

    A form is shown again with the error; a deletion or an action redirects with a message. The
    error is caught outside the transaction that Django opens around a form or a deletion, and
    `delete_selected` around a bulk deletion, so the transaction is rolled back before the response.
    """

    form = PartialUpdateForm
    actions: Any = ("delete_selected",)
    deleted_by_verb = False  # True: the model's method deals with rows that refer to this one
    deletion_note: Any = ""  # a sentence for the delete confirmation page

    # --- Methods of the model ---

    def add_row(self, request: HttpRequest, obj: Any) -> None:
        """Save the new row; override it to call the model's own method."""
        obj.save()

    def revise_row(self, request: HttpRequest, obj: Any, changes: dict[str, Any]) -> None:
        """Write only the columns that the user changed; `changes` maps each to its new value."""
        obj.revise(**changes)

    def lock_rows(self, queryset: QuerySet[Any]) -> None:
        """Do nothing; override it to lock every row that a bulk deletion of these rows will write.

        All locks are taken before the first row is deleted, so that they keep the common order.
        """

    def error_message(self, error: DomainError) -> str:
        """Return the sentence that tells the user why the model refused the change."""
        return error.staff_message

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        if not change:
            self.add_row(request, obj)
        elif form.revised():
            self.revise_row(request, obj, form.revised())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        rows = self.model._default_manager.filter(pk__in=[row.pk for row in queryset])
        self.lock_rows(rows)
        for row in rows.order_by("pk"):
            self.delete_model(request, row)

    @admin.action(permissions=["delete"], description=_("Delete selected %(verbose_name_plural)s"))
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Delete the selected rows in one transaction: all of them, or none if one is refused."""
        with transaction.atomic():
            return delete_selected(self, request, queryset)

    # --- Errors ---

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show or save the form; after an error, show it again as typed, with the error."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except HANDLED_ERRORS as error:
            if request.method != "POST" or hasattr(request, "refusal"):
                raise
            self._discard_messages(request)
            request.refusal = self.as_validation_error(error)  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if not hasattr(request, "refusal"):
            return form
        return type(form.__name__, (RejectedFormMixin, form), {"refusal": request.refusal})

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show or carry out the deletion; after an error, redirect to the row with a message."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except HANDLED_ERRORS as error:
            if request.method != "POST":
                raise
            self._show_error(request, error)
        path = reverse(admin_urlname(self.opts, SafeString("change")), args=[object_id])
        return HttpResponseRedirect(path)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list or run an action; after an error, redirect to the list with a message."""
        try:
            return super().changelist_view(request, extra_context)
        except HANDLED_ERRORS as error:
            if request.method != "POST":
                raise
            self._show_error(request, error)
        return HttpResponseRedirect(request.get_full_path())

    def response_action(self, request: HttpRequest, queryset: Any, *args: Any) -> Any:
        """Run the action, which finds what was typed beside it by `typed_text`.

        Raises ValidationError for a wrong text. Django would say that no action is selected.
        """
        form = self.action_form(request.POST)
        for field in form:
            if field.name != "action" and field.errors:
                raise ValidationError(f"{field.label} {' '.join(field.errors)}")
        request.typed_texts = form.cleaned_data  # type: ignore[attr-defined]
        return super().response_action(request, queryset, *args)

    def typed_text(self, request: HttpRequest, name: str) -> str:
        """Return the text in this field beside the choice of the action that is run."""
        texts: dict[str, str] = request.typed_texts  # type: ignore[attr-defined]
        return texts[name]

    def _show_error(self, request: HttpRequest, error: Exception) -> None:
        self._discard_messages(request)
        for message in self.as_validation_error(error).messages:
            self.message_user(request, message, messages.ERROR)

    def _discard_messages(self, request: HttpRequest) -> None:
        """Drop the success message that Django queued before the transaction failed."""
        request._messages = default_storage(request)  # type: ignore[attr-defined]

    def as_validation_error(self, error: Exception) -> ValidationError:
        """Return the error as a ValidationError, which a form can show."""
        match error:
            case ValidationError():
                return error
            case DomainError():
                return ValidationError(self.error_message(error), code=error.code)
            case ProtectedError():
                return ValidationError(gettext("Other records still refer to this."))
            case ObjectDoesNotExist():
                sentence = gettext("Somebody deleted it, or what it refers to, meanwhile.")
                return ValidationError(sentence)
        return ValidationError(gettext("Somebody else changed this meanwhile. Look it over again."))

    # --- Deletions ---

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Return what the delete confirmation page lists, without loading every related row.

        The four parts are Django's: the rows, the number of rows by model, the models whose rows
        the user may not delete, and the rows that forbid the deletion.
        """
        rows = list(objs)
        lines: list[Any] = [self.row_label(row) for row in rows]
        if notes := self.deletion_notes(rows):
            lines.append(notes)
        allowed = all(self.has_delete_permission(request, row) for row in rows)
        lacking = set() if allowed else {self.opts.verbose_name}
        if self.deleted_by_verb:
            return lines, {self.opts.verbose_name_plural: len(rows)}, lacking, []
        summary = DeletionSummary(rows, request, self.admin_site)
        return lines, summary.model_count(), lacking, summary.protected()

    def deletion_notes(self, rows: list[Any]) -> list[str]:
        """Return sentences for the delete confirmation page of these rows."""
        return [self.deletion_note] if self.deletion_note else []

    def row_label(self, row: Any) -> str:
        """Return the text that stands for the row on the delete confirmation page."""
        return f"{str(self.opts.verbose_name).capitalize()}: {row}"
