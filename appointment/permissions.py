"""Permissions of doctors and of staff on appointments."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from appointment.models import Appointment, WaitlistEntry
from appointment.models.acting import CHANGE_PERMISSION, STAFF_ONLY, acts_as_staff, is_own
from doctor.models import Doctor
from extensions.rest.permissions import IsStaffWithModelPermission


class IsDoctor(BasePermission):
    """The caller is an active doctor."""

    message = _("Only doctors have an agenda.")

    def has_permission(self, request: Request, view: Any) -> bool:
        """Check that an active doctor has the account of the caller."""
        return Doctor.objects.active().filter(user=request.user).exists()  # type: ignore[misc]


class MayChangeAppointments(IsStaffWithModelPermission):
    """The caller is staff with the permission to change appointments."""

    perms_map = {
        **IsStaffWithModelPermission.perms_map,
        "POST": ["%(app_label)s.change_%(model_name)s"],
    }


class MaySeeWebhooks(IsStaffWithModelPermission):
    """The caller is staff of all sites with the permission that the admin requires."""

    message = _("Only staff of all sites with the permission may do this.")

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether the caller has the permission for this method, and sees all sites."""
        user: Any = request.user
        return super().has_permission(request, view) and user.sites is None


class MayChangeWebhooks(MaySeeWebhooks):
    """The caller is such staff with the permission to change webhooks."""

    perms_map = {
        **MaySeeWebhooks.perms_map,
        "POST": ["%(app_label)s.change_%(model_name)s"],
    }


class IsTheirsOrStaffMay(BasePermission):
    """The waitlist entry is of the caller's family, or the caller is staff with the permission.

    The view's `staff_permissions` name what each action needs; to read, any of them will do, which
    the view's queryset checks. It sets `acts_as_staff` of the view, as `OverridesAsStaff` does.
    """

    message = _("Only staff with the permission may do this for another patient.")

    def has_object_permission(self, request: Request, view: Any, obj: WaitlistEntry) -> bool:
        """Return whether the entry is of the caller's family, or the caller is such staff."""
        user: Any = request.user
        action = getattr(view, "action", None) or str(request.method).lower()
        needed = view.staff_permissions.get(action, ())
        view.acts_as_staff = not is_own(user, obj.patient)
        return not view.acts_as_staff or all(map(user.is_staff_with, needed))


class IsStaffOrVisitDoctor(BasePermission):
    """The caller is staff of the site who may change visits, or the active doctor of the visit."""

    message = _("Only staff and the doctor of this visit may do this.")

    def has_object_permission(self, request: Request, view: Any, obj: Appointment) -> bool:
        """Return whether the caller is such staff or the active doctor of this visit."""
        user: Any = request.user
        return obj.is_at_site_of(user) or (obj.doctor.is_active and obj.doctor.user_id == user.pk)


class IsStaffOrVisitDoctorToday(IsStaffOrVisitDoctor):
    """The caller is staff of the site, or the doctor of the visit on its day at the location."""

    message = _("Only staff, and the doctor of this visit on its day, may do this.")

    def has_object_permission(self, request: Request, view: Any, obj: Appointment) -> bool:
        """Return whether the caller is such staff, or this doctor today."""
        user: Any = request.user
        return obj.is_at_site_of(user) or (
            super().has_object_permission(request, view, obj) and obj.date == obj.location.today()
        )


class OverridesAsStaff(BasePermission):
    """The caller gives no override reason, or is staff of the site who may change visits.

    It sets `acts_as_staff` of the view, which chooses the sentence of a refusal.
    """

    message = STAFF_ONLY

    def has_object_permission(self, request: Request, view: Any, obj: Appointment) -> bool:
        """Return whether the caller may send this body; raises PermissionDenied if not."""
        given = request.data.get("override_reason") if isinstance(request.data, dict) else None
        reason = given.strip() if isinstance(given, str) else ""
        user: Any = request.user
        if reason or user.is_staff:
            whose = (obj.patient, reason, obj.location_id)
            view.acts_as_staff = acts_as_staff(user, CHANGE_PERMISSION, *whose)
        return True
