"""Permissions on accounts."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class MayChangeOwnName(BasePermission):
    """PUT and PATCH come from a caller who is neither staff nor a doctor, or name no name.

    The access log tells patients the names of staff and doctors, so administrators change those.
    Their language they choose themselves.
    """

    message = _("An administrator changes the names of staff and doctors.")

    def has_permission(self, request: Request, view: Any) -> bool:
        user: Any = request.user
        if request.method not in {"PUT", "PATCH"} or not user.works_here:
            return True
        return isinstance(request.data, Mapping) and [*request.data] == ["language"]
