"""What was read and changed, and what was refused: to look at, which is written down as well."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin.privacy import name_of
from accounts.admin.sturdy import ReadOnlyAdmin
from accounts.admin.trail import LeavesTrail
from accounts.models import AuditEvent


@admin.register(AuditEvent)
class AuditEventAdmin(LeavesTrail, ReadOnlyAdmin):
    """Events, latest first, for those with the permission. Emergencies stand out."""

    fields = readonly_fields = (
        "at",
        "stands_out",
        "who",
        "role",
        "channel",
        "action",
        "outcome",
        "kind",
        "object_id",
        "patient_id",
        "address",
        "request_id",
        "emergency_id",
    )
    list_display = (
        "at",
        "stands_out",
        "who",
        "role",
        "action",
        "outcome",
        "kind",
        "object_id",
        "patient_id",
        "channel",
    )
    list_select_related = ("actor",)
    list_filter = ("emergency", "outcome", "action", "role", "channel", "at")
    date_hierarchy = "at"
    ordering = ("-at", "-pk")
    search_fields = (
        "patient_id__exact",
        "request_id__exact",
        "actor__last_name",
        "actor__first_name",
    )
    search_help_text = "Number of the patient, id of the request, or who it was."

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        """With the account of who acted, or none where it is gone: no constraint binds it."""
        return super().get_queryset(request).select_related("actor")

    def note_shown(self, of: Any, rows: Any) -> None:
        """One event for the page, of no patient: those it lists are told by the events it lists."""
        patient = None if isinstance(of, type) else of.patient_id
        AuditEvent.objects.note("read", of, [patient], role=AuditEvent.Role.STAFF)

    @admin.display(description="", empty_value="")
    def stands_out(self, event: AuditEvent) -> SafeString | str:
        return (
            format_html("<strong>EMERGENCY {}</strong>", event.emergency_id)
            if event.emergency
            else ""
        )

    @admin.display(description="who", empty_value="-")
    def who(self, event: AuditEvent) -> str:
        return name_of(event.actor)
