"""Who may see the desk, and which page is the first of the admin for a user."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from doctor.models import Doctor

VIEW_VISITS = "appointment.view_appointment"
ADD_VISITS = "appointment.add_appointment"
CHANGE_VISITS = "appointment.change_appointment"
VIEW_OWN_DAY = "appointment.view_own_day"


def may_see_desk(user: Any) -> bool:
    """Whether the user is staff who may view visits, at any site at all."""
    return bool(user.is_staff_with(VIEW_VISITS)) and (user.sites is None or bool(user.sites))


def own_doctor(user: Any) -> Doctor | None:
    """Return the active doctor whose day this user may see as the own one, or None."""
    if not user.has_perm(VIEW_OWN_DAY):
        return None
    return Doctor.objects.active().filter(user=user).first()


def front_page(request: HttpRequest) -> str | None:
    """Return the URL to which `/admin/` leads this user, or None for the list of records.

    The setting ADMIN_FRONT_PAGE names this function.
    """
    if not admin.site.has_permission(request):
        return None
    if own_doctor(request.user):
        return reverse("desk:mine")
    return reverse("desk:day") if may_see_desk(request.user) else None
