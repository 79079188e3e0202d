"""Permissions on accounts."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class MayChangeOwnName(BasePermission):
    """PUT and PATCH come from a caller who is neither staff nor a doctor.

    The access log tells patients the names of staff and doctors, so administrators change those.
    """

    message = _("An administrator changes the names of staff and doctors.")

    def has_permission(self, request: Request, view: Any) -> bool:
        user: Any = request.user
        return request.method not in {"PUT", "PATCH"} or not user.works_here
