"""The admin of doctors, specialties, languages and locations."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.privacy import HiddenAccountsMixin, has_a_site, sees_all_sites
from accounts.requests import signed_in_user
from doctor.admin.sites import SharedAdminMixin, SiteAdminMixin
from doctor.countries import country_names
from doctor.models import Doctor, Language, Location, Schedule, Specialty
from extensions.admin.actions import DomainActionAdmin
from extensions.admin.forms import PartialUpdateForm
from extensions.admin.links import list_link


class PublishingAdmin(DomainActionAdmin):
    """An admin that saves a new row by `publish`, as `CalendarModel` requires."""

    def add_row(self, request: HttpRequest, obj: Any) -> None:
        obj.publish()


@admin.register(Specialty)
class SpecialtyAdmin(SharedAdminMixin, DomainActionAdmin):
    """Fields of practice."""

    list_display = ("name", "code")
    search_fields = ("name", "code")


@admin.register(Language)
class LanguageAdmin(SharedAdminMixin, DomainActionAdmin):
    """The languages that doctors speak."""

    list_display = ("name", "tag")
    search_fields = ("name", "tag")


QUIET = {"quiet_from", "quiet_until"}


class LocationForm(PartialUpdateForm):
    """A location, whose country is chosen by its name."""

    country = forms.TypedChoiceField(
        choices=lambda: [("", "---------"), *country_names().items()],
        required=False,
        label=_("Country"),
        empty_value=None,
        help_text=Location._meta.get_field("country").help_text,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in QUIET & self.fields.keys():
            self.fields[name].required = False  # an empty time stays what it was

    def clean(self) -> dict[str, Any]:
        """Keep the quiet hours where a field of them is empty."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        kept = {name: getattr(self.instance, name) for name in QUIET if not cleaned.get(name)}
        return {**cleaned, **kept}


@admin.register(Location)
class LocationAdmin(SiteAdminMixin, PublishingAdmin):
    """Sites of the clinic and their booking rules. Staff of a site add no other one."""

    form = LocationForm
    fieldsets = (
        (None, {"fields": ("name", "address", ("phone", "time_zone"), ("country", "subdivision"))}),
        (
            _("Booking rules"),
            {
                "fields": (
                    ("min_notice_minutes", "horizon_days"),
                    ("cancel_deadline_minutes", "max_live_per_patient"),
                ),
                "description": _(
                    "Empty fields set no rule. Staff may override rules with a reason."
                ),
            },
        ),
        (
            _("Messages to patients"),
            {"fields": ("reminder_hours", ("quiet_from", "quiet_until"))},
        ),
    )
    list_display = ("name", "country", "time_zone", "phone", "address")
    list_filter = ("time_zone",)
    search_fields = ("name", "address", "phone")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request) and sees_all_sites(request)


@admin.register(Doctor)
class DoctorAdmin(HiddenAccountsMixin, PublishingAdmin):
    """Doctors. Staff make a doctor who leaves inactive instead of deleting the row.

    All sites share the directory. Staff of a site change the doctors who work at no other one, but
    not their specialties: those decide whose waitlist entries the site sees.
    """

    fields = (
        ("title", "first_name", "last_name"),
        ("license_number", "external_id"),
        "specialties",
        "languages",
        "bio",
        ("accepts_patients", "is_active"),
        "user",
        "sessions",
    )
    readonly_fields = ("sessions",)
    autocomplete_fields = ("user", "specialties", "languages")
    list_display = ("name", "license_number", "accepts_patients", "is_active")
    list_filter = ("is_active", "accepts_patients", "specialties", "languages")
    search_fields = ("last_name", "first_name", "license_number", "specialties__name")
    search_help_text = _("Title and name, license number or specialty.")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if sees_all_sites(request) else (*fields, "specialties")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request) and has_a_site(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _is_own(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let only superusers delete a doctor with an account, since that unlinks the account."""
        linked = obj is not None and obj.user_id is not None
        allowed = super().has_delete_permission(request, obj) and _is_own(request, obj)
        return allowed and (request.user.is_superuser or not linked)

    @admin.display(description=_("name"), ordering="last_name_key")
    def name(self, doctor: Doctor) -> str:
        return doctor.name

    @admin.display(description=_("sessions"))
    def sessions(self, doctor: Doctor) -> SafeString | str:
        """Return a link to the list of the doctor's sessions."""
        if not doctor.pk:
            return self.get_empty_value_display()
        return list_link(Schedule, gettext("All sessions"), doctor__id__exact=doctor.pk)


def _is_own(request: Any, doctor: Doctor | None) -> bool:
    """Whether the doctor works at no site but those of the user; one query for each request."""
    if doctor is None or sees_all_sites(request):
        return True
    if not hasattr(request, "own_doctors"):
        own = Doctor.objects.only_at_sites_of(signed_in_user(request))
        request.own_doctors = set(own.values_list("pk", flat=True))
    return doctor.pk in request.own_doctors
