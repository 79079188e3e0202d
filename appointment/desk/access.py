"""Who may see the desk, and which page is the first of the admin for a user."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from doctor.models import Doctor, Location, Schedule
from doctor.models.free_slots import locations_of

VIEW_VISITS = "appointment.view_appointment"
ADD_VISITS = "appointment.add_appointment"
CHANGE_VISITS = "appointment.change_appointment"
VIEW_PATIENTS = "patient.view_patient"
VIEW_OWN_DAY = "appointment.view_own_day"
TWO_YEARS = timedelta(days=731)


def may_see_desk(user: Any) -> bool:
    """Whether the user is staff who may view visits, at any site at all."""
    return bool(user.is_staff_with(VIEW_VISITS)) and (user.sites is None or bool(user.sites))


def own_doctor(user: Any) -> Doctor | None:
    """Return the active doctor whose day this user may see as the own one, or None."""
    if not user.has_perm(VIEW_OWN_DAY):
        return None
    return Doctor.objects.active().filter(user=user).first()


def sites_of_doctor(doctor: Doctor) -> list[Location]:
    """Return the locations where the doctor has sessions, by name."""
    return sorted(locations_of(doctor.pk), key=lambda place: (place.name, place.pk))


def front_page(request: HttpRequest) -> str | None:
    """Return the URL to which `/admin/` leads this user, or None for the list of records.

    The setting ADMIN_FRONT_PAGE names this function.
    """
    if not admin.site.has_permission(request):
        return None
    if own_doctor(request.user):
        return reverse("desk:mine")
    return reverse("desk:day") if may_see_desk(request.user) else None


def doctors_seen_by(user: Any) -> QuerySet[Doctor]:
    """Return the doctors whose lists and figures this user sees, those who have left included.

    For staff of a site, those with sessions there, now or in the last two years: the cost does not
    grow with the history.
    """
    if user.sites is None:
        return Doctor.objects.all()
    since = timezone.now().date() - TWO_YEARS
    sessions = Schedule.objects.at_sites_of(user).filter(doctor=OuterRef("pk"), date__gte=since)
    return Doctor.objects.filter(Exists(sessions))
