"""Permissions on the records of patients."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from patient.models.claim import MAY_NOT_CLAIM


class MayClaim(BasePermission):
    """The caller is not staff and has verified the e-mail address."""

    message = MAY_NOT_CLAIM

    def has_permission(self, request: Request, view: Any) -> bool:
        user: Any = request.user
        return not user.is_authenticated or (not user.is_staff and user.has_verified_email)
