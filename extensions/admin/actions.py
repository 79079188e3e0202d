"""Changes go through the verbs of the models, and a refusal is a message on the page."""

from typing import Any, cast

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

from accounts.models import User
from extensions.admin.base import BaseAdmin
from extensions.admin.deletion import DeletionSummary
from extensions.admin.forms import PartialUpdateForm, RejectedFormMixin
from extensions.exceptions import DomainError

HANDLED_ERRORS = (DomainError, ValidationError, ObjectDoesNotExist, IntegrityError)


def by(request: HttpRequest) -> User:
    """Who is at the admin, for the verbs to note."""
    return cast(User, request.user)


class DomainActionAdmin(BaseAdmin):
    """An admin that changes rows through their verbs and shows a refusal as a message.

    A refusal is caught outside the transaction that Django opens around a form, a deletion or, in
    `delete_selected` here, a bulk deletion: everything is undone before it is answered.
    """

    form = PartialUpdateForm
    actions: Any = ("delete_selected",)
    deleted_by_verb = False  # the verb, not what refers to the row, decides on a deletion
    deletion_note = ""

    # --- The verbs ---

    def add_row(self, request: HttpRequest, obj: Any) -> None:
        """Enter a new row."""
        obj.save()

    def revise_row(self, request: HttpRequest, obj: Any, changes: dict[str, Any]) -> None:
        """Write the columns that this person changed."""
        obj.revise(**changes)

    def lock_rows(self, queryset: QuerySet[Any]) -> None:
        """Lock what deleting all these takes, in the order of all verbs, before the first goes."""

    def error_message(self, error: DomainError) -> str:
        """What a refusal says to the person at the admin."""
        return error.message

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

    @admin.action(permissions=["delete"], description="Delete selected %(verbose_name_plural)s")
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Delete all of them or, if one is refused, none; the log's entries too."""
        with transaction.atomic():
            return delete_selected(self, request, queryset)

    # --- Refusals ---

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form; of a refused change once more, with the reason and as it was typed."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except HANDLED_ERRORS as error:
            if request.method != "POST" or hasattr(request, "refusal"):
                raise
            self._take_back(request)
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
        """The deletion; a refused one leads back to the row, with the reason."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except HANDLED_ERRORS as error:
            if request.method != "POST":
                raise
            self._refuse(request, error)
        path = reverse(admin_urlname(self.opts, SafeString("change")), args=[object_id])
        return HttpResponseRedirect(path)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list; a refused action leads back to it, with the reason."""
        try:
            return super().changelist_view(request, extra_context)
        except HANDLED_ERRORS as error:
            if request.method != "POST":
                raise
            self._refuse(request, error)
        return HttpResponseRedirect(request.get_full_path())

    def _refuse(self, request: HttpRequest, error: Exception) -> None:
        self._take_back(request)
        for message in self.as_validation_error(error).messages:
            self.message_user(request, message, messages.ERROR)

    def _take_back(self, request: HttpRequest) -> None:
        """Forget the message of success that Django queued before the transaction failed."""
        request._messages = default_storage(request)  # type: ignore[attr-defined]

    def as_validation_error(self, error: Exception) -> ValidationError:
        """What a refusal says, as an error of a form."""
        match error:
            case ValidationError():
                return error
            case DomainError():
                return ValidationError(self.error_message(error), code=error.code)
            case ProtectedError():
                return ValidationError("Other records still refer to this.")
            case ObjectDoesNotExist():
                return ValidationError("Somebody deleted it, or what it refers to, meanwhile.")
        return ValidationError("Somebody else changed this meanwhile. Look it over again.")

    # --- Deletions ---

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What the deletion takes with it, and what forbids it; a verb decides that by itself."""
        rows = list(objs)
        lines: list[Any] = [self.name_of_row(row) for row in rows]
        if self.deletion_note:
            lines.append([self.deletion_note])
        allowed = all(self.has_delete_permission(request, row) for row in rows)
        lacking = set() if allowed else {self.opts.verbose_name}
        if self.deleted_by_verb:
            return lines, {self.opts.verbose_name_plural: len(rows)}, lacking, []
        consequences = DeletionSummary(rows, request, self.admin_site)
        return lines, consequences.counts(), lacking, consequences.in_the_way()

    def name_of_row(self, row: Any) -> str:
        """How a page of deletion names the row."""
        return f"{str(self.opts.verbose_name).capitalize()}: {row}"
