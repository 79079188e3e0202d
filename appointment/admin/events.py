"""The lifecycle of appointments, to look at."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.audit.admin import AuditedAdminMixin
from appointment.admin.appointments import at_location, whose
from appointment.models import Appointment, AppointmentEvent
from extensions.admin.base import ReadOnlyAdmin


@admin.register(AppointmentEvent)
class AppointmentEventAdmin(AuditedAdminMixin, ReadOnlyAdmin):
    """What happened to appointments, for whoever may see them."""

    patient_path = "appointment.patient"
    fields = readonly_fields = (
        "time",
        "appointment",
        "kind",
        "who",
        "by",
        "from_status",
        "to_status",
        "from_slot",
        "to_slot",
        "detail",
        "override_reason",
    )
    list_display = ("time", "appointment", "kind", "from_status", "to_status", "who", "by")
    list_select_related = ("appointment__location", "appointment__patient", "actor")
    list_filter = ("kind", "at")
    date_hierarchy = "at"
    ordering = ("-at", "-pk")
    search_fields = (
        "appointment__id__exact",
        "appointment__patient__last_name",
        "appointment__patient__first_name",
    )
    search_help_text = "Number of the appointment, or patient."

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may see appointments sees what happened to them."""
        appointments = self.admin_site.get_model_admin(Appointment)
        return appointments.has_view_permission(request) or super().has_view_permission(
            request, obj
        )

    @admin.display(description="time at the location", ordering="at")
    def time(self, event: AppointmentEvent) -> str:
        return at_location(event.at, event.appointment.location)

    @admin.display(description="by", empty_value="-")
    def who(self, event: AppointmentEvent) -> str:
        return whose(event.actor, event.appointment)
