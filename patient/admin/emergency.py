"""The admin pages of emergency access to a medical history."""

from datetime import UTC
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.audit.admin import AuditedAdminMixin
from accounts.audit.context import current_context
from accounts.privacy import display_name
from accounts.requests import signed_in_user
from extensions.admin.actions import DomainActionAdmin
from extensions.admin.columns import two_lines
from extensions.admin.forms import PartialUpdateForm
from extensions.formats import date_text, instant_text
from patient.models import EmergencyAccess, MedicalHistory


class EmergencyForm(PartialUpdateForm):
    """The patient and the reason; for an access that is under way, a checkbox that ends it."""

    end_now = forms.BooleanField(required=False, label=_("End it now"))

    class Meta:
        help_texts = {"patient": _("The patient whose history you need to read.")}


@admin.register(EmergencyAccess)
class EmergencyAccessAdmin(AuditedAdminMixin, DomainActionAdmin):
    """Adding a row begins an access. Its page shows the medical history to the same user only."""

    form = EmergencyForm
    fields = ("patient", "who", "reason", "began_at", "expires_at", "ended_at", "history")
    autocomplete_fields = ("patient",)
    list_display = ("began_at", "patient", "why", "until")
    list_select_related = ("patient", "user")
    list_filter = ("began_at",)
    date_hierarchy = "began_at"
    search_fields = (
        "patient__last_name",
        "patient__first_name",
        "patient__date_of_birth",
        "user__last_name",
        "user__first_name",
        "user_name",
    )
    search_help_text = _("Patient, or name of the user who gave the reason.")
    ordering = ("-began_at", "-pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[EmergencyAccess]:
        """Return all accesses for users who may review them, and for others their own."""
        rows: QuerySet[EmergencyAccess] = super().get_queryset(request)
        rows = rows.select_related("patient", "user")
        reviews = request.user.has_perm("patient.view_emergencyaccess")
        return rows if reviews else rows.filter(user=signed_in_user(request))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("patient", "reason")
        return (
            (*self.fields, "end_now") if self.has_change_permission(request, obj) else self.fields
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("patient.use_emergency_access")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow those who review them, and those who may use emergency access."""
        return super().has_view_permission(request, obj) or self.has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow the user who began it to end it while it is under way."""
        return obj is not None and obj.user_id == request.user.pk and obj.is_under_way()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    # --- Verbs ---

    def add_row(self, request: HttpRequest, obj: EmergencyAccess) -> None:
        """Begin the access for the signed-in user."""
        obj.user = signed_in_user(request)
        obj.begin()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Begin a new access, or end one."""
        if not change:
            self.add_row(request, obj)
        elif form.cleaned_data.get("end_now"):
            obj.end()

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Redirect to the page that shows the history."""
        return HttpResponseRedirect(f"../{obj.pk}/change/")

    # --- Fields ---

    @admin.display(description=pgettext_lazy("who acted", "by"), empty_value="-")
    def who(self, access: EmergencyAccess) -> str:
        """Return the name of the user who began the access."""
        return display_name(access.user_id, access.user_name, access.user)

    @admin.display(description=_("why and by whom"))
    def why(self, access: EmergencyAccess) -> SafeString:
        """Return the reason, and who gave it on a line of its own."""
        return two_lines(access.reason, self.who(access))

    @admin.display(description=_("until (UTC)"), ordering="expires_at")
    def until(self, access: EmergencyAccess) -> str:
        """Return when the access ended or will end."""
        return instant_text(access.ended_at or access.expires_at, UTC)

    @admin.display(description=_("medical history"))
    def history(self, access: EmergencyAccess) -> SafeString | str:
        """Return the entries and record the read, if the user began the access and it lasts."""
        reader = current_context().user
        if access.patient is None or not access.is_open_to(reader, timezone.now()):
            return gettext(
                "Not shown: this emergency access has ended, or belongs to another user."
            )
        lines = ((_describe(entry),) for entry in access.read())
        return format_html_join("", "{}<br>", lines) or gettext("The history has no entries.")


def _describe(entry: MedicalHistory) -> str:
    kind, status = entry.get_kind_display(), entry.get_status_display().lower()
    words = f"{kind}, {status}"
    if entry.diagnosed_on:
        shown = {"kind": kind, "status": status, "date": date_text(entry.diagnosed_on)}
        words = gettext("%(kind)s, %(status)s, since %(date)s") % shown
    notes = f" ({entry.notes})" if entry.notes else ""
    return f"{words}: {entry.description}{notes}"
