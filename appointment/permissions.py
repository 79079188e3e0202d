"""Permissions of doctors and of staff on appointments."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from appointment.models import Appointment, WaitlistEntry
from appointment.models.acting import is_own
from appointment.models.lifecycle import CHANGE_PERMISSION
from doctor.models import Doctor
from extensions.rest.permissions import IsStaffWithModelPermission


class IsDoctor(BasePermission):
    """The caller is an active doctor."""

    message = "Only doctors have an agenda."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Check that an active doctor has the account of the caller."""
        return Doctor.objects.active().filter(user=request.user).exists()  # type: ignore[misc]


class MayChangeAppointments(IsStaffWithModelPermission):
    """The caller is staff with the permission to change appointments."""

    perms_map = {
        **IsStaffWithModelPermission.perms_map,
        "POST": ["%(app_label)s.change_%(model_name)s"],
    }


class IsTheirsOrStaffMay(BasePermission):
    """The waitlist entry is of the caller's family, or the caller is staff with the permission.

    The view's `staff_permissions` name what each action needs; to read, any of them will do, which
    the view's queryset checks.
    """

    message = "Only staff with the permission may do this for another patient."

    def has_object_permission(self, request: Request, view: Any, obj: WaitlistEntry) -> bool:
        """Return whether it is the caller's own entry, or such staff calls."""
        user: Any = request.user
        action = getattr(view, "action", None) or str(request.method).lower()
        needed = view.staff_permissions.get(action, ())
        return is_own(user, obj.patient) or all(map(user.is_staff_with, needed))


class IsStaffOrVisitDoctor(BasePermission):
    """The caller is staff of the site who may change visits, or the active doctor of the visit."""

    message = "Only staff and the doctor of this visit may do this."

    def has_object_permission(self, request: Request, view: Any, obj: Appointment) -> bool:
        """Return whether the caller is such staff or the active doctor of this visit."""
        user: Any = request.user
        is_staff = user.is_staff_with(CHANGE_PERMISSION) and user.works_at(obj.location_id)
        return is_staff or (obj.doctor.is_active and obj.doctor.user_id == user.pk)
