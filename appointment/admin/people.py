"""The admins of patients, histories and emergency accesses, as staff of a site see them.

They belong to the app `patient`; what a patient has at a site is known here.
"""

from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audit.context import current_context
from accounts.privacy import sees_all_sites
from accounts.requests import signed_in_user
from appointment.models.merging import colliding_visits, duplicate_entries
from appointment.models.site_patients import (
    has_something_at_sites_of,
    latest_patients_of,
    patients_for_staff,
)
from appointment.named_search import HOW_TO_NAME, bookable_patients, find_named, remember
from doctor.admin.sites import SiteAdminMixin
from extensions.admin.lists import MOST_COUNTED
from extensions.db.expressions import AmongFewKeys, AmongKeys
from patient.admin.emergency import EmergencyAccessAdmin
from patient.admin.patients import MedicalHistoryAdmin, PatientAdmin
from patient.models import EmergencyAccess, MedicalHistory, Patient

COLLISION = _("Both have a visit at this time. Cancel or move one of the two: %(visit)s")
ELSEWHERE = _(
    "Both have a visit at the same time at another site. Staff of all sites can merge them."
)


class PatientChoiceMixin(SiteAdminMixin):
    """An admin whose form names a patient, among them those whom the user has named exactly."""

    def get_field_queryset(self, db: Any, db_field: Any, request: HttpRequest) -> Any:
        if db_field.name != "patient" or sees_all_sites(request):
            return super().get_field_queryset(db, db_field, request)
        return bookable_patients(request)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "patient" and not sees_all_sites(request):
            kwargs.setdefault("help_text", HOW_TO_NAME)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]


class LatestPatientsMixin:
    """An admin of rows of patients, whose list shows staff of a site those with recent visits."""

    few_rows_note = _(
        "Patients with one of the latest visits at your sites are listed. A search finds all who "
        "have something there."
    )

    def few_rows(self, request: HttpRequest) -> Q | None:
        """Return the condition of these rows; None for users who see all sites."""
        if sees_all_sites(request):
            return None
        found: Q | None = getattr(request, "few_rows", None)
        if found is None:
            found = self.rows_of_patients(latest_patients_of(signed_in_user(request)))
            request.few_rows = found  # type: ignore[attr-defined]
        return found

    def rows_of_patients(self, keys: list[int]) -> Q:
        """Return the condition of the rows of these patients."""
        return Q(AmongFewKeys("pk", keys))


class SitePatientAdmin(LatestPatientsMixin, SiteAdminMixin, PatientAdmin):
    """Patients with something at the sites of the user.

    The search of a form that books also finds others, by last name and birth date. It counts, and
    leaves a denied event if it finds no patient: a user who tries every date would find any
    patient. Staff who are restricted to their sites erase no patient: the patient may have visits
    elsewhere.
    """

    def narrow(self, request: HttpRequest, rows: QuerySet[Patient]) -> QuerySet[Patient]:
        return rows.filter(has_something_at_sites_of(signed_in_user(request)))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and sees_all_sites(request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Patient], search_term: str
    ) -> tuple[QuerySet[Patient], bool]:
        keys = find_named(request, search_term) if self._books(request) else None
        if keys:
            return Patient.objects.filter(pk__in=keys), False
        return super().get_search_results(request, queryset, search_term)

    def _books(self, request: HttpRequest) -> bool:
        """Whether the search is that of a form by which the user books or opens an emergency."""
        match = request.resolver_match
        if match is None or match.url_name != "autocomplete":
            return False
        model = apps.get_model(request.GET["app_label"], request.GET["model_name"])
        form: Any = self.admin_site._registry.get(model)
        return isinstance(form, PatientChoiceMixin) and form.has_add_permission(request)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Require the birth date of a new patient from those who will find them by it alone."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is None and not sees_all_sites(request):
            form.base_fields["date_of_birth"].required = True
        return form

    def add_row(self, request: HttpRequest, obj: Patient) -> None:
        super().add_row(request, obj)
        if not sees_all_sites(request):
            remember(request, [obj.pk])

    def response_add(
        self, request: HttpRequest, obj: Patient, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Tell staff of a site how to find the new patient, who has nothing at the sites yet."""
        if sees_all_sites(request) or IS_POPUP_VAR in request.POST:
            return super().response_add(request, obj, post_url_continue)
        added = gettext("The patient was added. To book for them: %(how)s")
        self.message_user(request, added % {"how": HOW_TO_NAME}, messages.SUCCESS)
        return self.response_post_save_add(request, obj)

    def merge_moves(self, patient: Patient, other: Patient) -> list[str]:
        """Add how many waitlist entries end because both records wait for the same."""
        ended = len(duplicate_entries(patient, other, timezone.now()))
        text = gettext("Waitlist entries that end, as both records wait for the same: %(count)s")
        lines = [text % {"count": ended}] if ended else []
        return [*super().merge_moves(patient, other), *lines]

    def merge_obstacles(self, request: HttpRequest, patient: Patient, other: Patient) -> list[str]:
        """Add the live visits of both that share some time, those elsewhere without their time."""
        user, lines = signed_in_user(request), super().merge_obstacles(request, patient, other)
        for visit in colliding_visits(patient, other).select_related("location"):
            is_here = user.works_at(visit.location_id)
            lines.append(COLLISION % {"visit": visit} if is_here else str(ELSEWHERE))
        return list(dict.fromkeys(lines))

    def relatives(self, patient: Patient) -> QuerySet[Patient]:
        here = has_something_at_sites_of(current_context().user)
        return super().relatives(patient).filter(here)


class SiteMedicalHistoryAdmin(LatestPatientsMixin, SiteAdminMixin, MedicalHistoryAdmin):
    """The histories of patients with something at the sites of the user."""

    def rows_of_patients(self, keys: list[int]) -> Q:
        entries = MedicalHistory.objects.filter(AmongKeys("patient", keys)).order_by()
        return Q(AmongFewKeys("pk", list(entries.values_list("pk", flat=True)[:MOST_COUNTED])))

    site_choices = {"patient": patients_for_staff}

    def narrow(
        self, request: HttpRequest, rows: QuerySet[MedicalHistory]
    ) -> QuerySet[MedicalHistory]:
        return rows.filter(has_something_at_sites_of(signed_in_user(request), "patient"))


class SiteEmergencyAccessAdmin(PatientChoiceMixin, EmergencyAccessAdmin):
    """The user's own accesses, and those to patients with something at the sites of the user."""

    def narrow(
        self, request: HttpRequest, rows: QuerySet[EmergencyAccess]
    ) -> QuerySet[EmergencyAccess]:
        user = signed_in_user(request)
        if not user.sites:
            return rows.none()
        return rows.filter(Q(user=user) | has_something_at_sites_of(user, "patient"))


for model, model_admin in (
    (Patient, SitePatientAdmin),
    (MedicalHistory, SiteMedicalHistoryAdmin),
    (EmergencyAccess, SiteEmergencyAccessAdmin),
):
    admin.site.unregister(model)
    admin.site.register(model, model_admin)
