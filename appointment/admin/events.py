"""The read-only admin pages of appointment events."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from accounts.audit.admin import AuditedAdminMixin
from accounts.audit.context import current_context
from appointment.admin.appointments import actor_name, local_time
from appointment.models import Appointment, AppointmentEvent
from doctor.admin.sites import SiteAdminMixin
from doctor.models import Slot
from extensions.admin.base import ReadOnlyAdmin
from extensions.admin.columns import two_lines


@admin.register(AppointmentEvent)
class AppointmentEventAdmin(SiteAdminMixin, AuditedAdminMixin, ReadOnlyAdmin):
    """The events of all appointments, newest first."""

    patient_path = "appointment.patient"
    fields = readonly_fields = (
        "local_time",
        "appointment",
        "kind",
        "who",
        "by",
        "from_status",
        "to_status",
        "undoes",
        "moved_from",
        "moved_to",
        "detail",
        "override_reason",
        "after_deadline",
    )
    list_display = ("local_time", "appointment", "change", "who_acted")
    list_select_related = ("appointment__location", "appointment__patient", "actor")
    list_filter = ("kind", "after_deadline", "at")
    date_hierarchy = "at"
    opens_with_this_month = True
    bounding_filters = ("at__gte",)
    unindexed_filters = ("kind__exact", "after_deadline__exact")
    most_read_for_sites = 1000
    sortable_by = ("local_time",)
    ordering = ("-at", "-pk")
    search_fields = (
        "appointment__id__exact",
        "appointment__patient__last_name",
        "appointment__patient__first_name",
        "appointment__patient__date_of_birth",
    )
    search_help_text = _("Number of the visit, or patient.")

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Return the fields to search by: names of patients only for viewers of appointments.

        The pages of events show no name.
        """
        appointments = self.admin_site.get_model_admin(Appointment)
        fields: Any = super().get_search_fields(request)
        return fields if appointments.has_view_permission(request) else fields[:1]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AppointmentEvent]:
        """Return the events, joined with their actors; the actor of a deleted account is None.

        Without the join, reading that actor would raise DoesNotExist.
        """
        return super().get_queryset(request).select_related(*self.list_select_related)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow those who may view appointments."""
        appointments = self.admin_site.get_model_admin(Appointment)
        return appointments.has_view_permission(request) or super().has_view_permission(
            request, obj
        )

    @admin.display(description=_("time at the location"), ordering="at")
    def local_time(self, event: AppointmentEvent) -> str:
        """Return the time of the event on the clock of the location."""
        return local_time(event.at, event.appointment.location)

    @admin.display(description=_("what"))
    def change(self, event: AppointmentEvent) -> SafeString:
        """Return what happened, and the change of status if there is one."""
        was, became = event.get_from_status_display(), event.get_to_status_display()
        named = {
            "before": was or pgettext("a visit without an earlier status", "new"),
            "after": became,
        }
        change = gettext("%(before)s to %(after)s") % named if was != became else ""
        return two_lines(event.get_kind_display(), change)

    @admin.display(description=_("by"))
    def who_acted(self, event: AppointmentEvent) -> SafeString:
        """Return who acted, and in which role."""
        who, role = actor_name(event), event.get_by_display()
        is_patient = event.by == AppointmentEvent.Role.PATIENT
        return two_lines(who, "" if is_patient else role) if who else two_lines(role, "")

    @admin.display(description=_("moved from"), empty_value="-")
    def moved_from(self, event: AppointmentEvent) -> str:
        """Return the time that the visit left."""
        return _time(event.from_slot)

    @admin.display(description=_("moved to"), empty_value="-")
    def moved_to(self, event: AppointmentEvent) -> str:
        """Return the time to which the visit went."""
        return _time(event.to_slot)

    @admin.display(description=_("by"), empty_value="-")
    def who(self, event: AppointmentEvent) -> str:
        """Return who acted: the patient, or a name."""
        return actor_name(event)


def _time(key: int | None) -> str:
    """Return the time with this key in words, if it is still there and the user may see it."""
    if key is None:
        return ""
    slots = Slot.objects.at_sites_of(current_context().user).select_related("doctor", "location")
    gone = gettext("a time that is no longer there, or elsewhere")
    return next(map(str, slots.filter(pk=key)), gone)
