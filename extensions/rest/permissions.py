"""Permissions: one class for each rule, named as the claim that it checks."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import SAFE_METHODS, BasePermission, DjangoModelPermissions
from rest_framework.request import Request


class IsReading(BasePermission):
    """Allow GET, HEAD and OPTIONS."""

    message: Any = _("This can only be read.")

    def has_permission(self, request: Request, view: Any) -> bool:
        return request.method in SAFE_METHODS


class IsStaffWithModelPermission(DjangoModelPermissions):
    """Allow staff with the permission that the admin requires: to view, add, change or delete."""

    message: Any = _("Only staff with the permission may do this.")
    perms_map = {
        **DjangoModelPermissions.perms_map,
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
    }

    def has_permission(self, request: Request, view: Any) -> bool:
        return bool(request.user and request.user.is_staff) and super().has_permission(
            request, view
        )


class IsStaffWhoAddsAndChanges(IsStaffWithModelPermission):
    """Allow staff to POST what adds a row and changes another: it takes both permissions."""

    perms_map = {
        **IsStaffWithModelPermission.perms_map,
        "POST": ["%(app_label)s.add_%(model_name)s", "%(app_label)s.change_%(model_name)s"],
    }
