"""Who may do what with the day of a visit."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from appointment.models import Appointment
from appointment.models.appointment import CHANGE
from doctor.models import Doctor
from extensions.rest.permissions import IsStaffWithModelPermission


class IsDoctor(BasePermission):
    """The caller's account is that of an active doctor."""

    message = "Only doctors have an agenda."

    def has_permission(self, request: Request, view: Any) -> bool:
        return Doctor.objects.active().filter(user=request.user).exists()  # type: ignore[misc]


class MayChangeAppointments(IsStaffWithModelPermission):
    """Staff who may change appointments."""

    perms_map = {
        **IsStaffWithModelPermission.perms_map,
        "POST": ["%(app_label)s.change_%(model_name)s"],
    }


class IsStaffOrTheDoctor(BasePermission):
    """Staff who may change appointments, or the doctor whom the visit is with."""

    message = "Only staff and the doctor of this visit may do this."

    def has_object_permission(self, request: Request, view: Any, obj: Appointment) -> bool:
        user: Any = request.user
        return user.is_staff_with(CHANGE) or (
            obj.doctor.is_active and obj.doctor.user_id == user.pk
        )
