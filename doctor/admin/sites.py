"""Admins that show staff of a site the rows of their sites, and the admin of these memberships."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.privacy import (
    HiddenAccountsMixin,
    display_name,
    has_a_site,
    sees_all_sites,
)
from accounts.requests import signed_in_user
from doctor.models import Doctor, Location, SiteStaff
from extensions.admin.actions import DomainActionAdmin

# What staff of a site may select for sessions and weekly hours.
CALENDAR_CHOICES: dict[str, Callable[[Any], QuerySet[Any]]] = {
    "doctor": Doctor.objects.for_calendar_of,
    "location": Location.objects.at_sites_of,
}


class SiteLocationFilter(admin.RelatedFieldListFilter):
    """A filter by location that names the sites of the user only."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        sites = Location.objects.at_sites_of(signed_in_user(request))
        return [(site.pk, str(site)) for site in sites]


class SiteAdminMixin:
    """An admin that shows staff who are restricted to their sites only what belongs there.

    Lists, pages, searches, actions and autocomplete fields all start from `get_queryset`.
    `site_choices`: for each foreign key, the queryset's method that returns what may be selected.
    """

    site_choices: ClassVar[dict[str, Callable[[Any], QuerySet[Any]]]] = {}
    most_read_for_sites: int | None = None  # latest rows, of a list that finds its site by a join

    def most_read(self, request: HttpRequest) -> int | None:
        """Return how many of the latest rows the list reads, fewer to staff of some sites."""
        most: int | None = super().most_read(request)  # type: ignore[misc]
        return most if sees_all_sites(request) else self.most_read_for_sites or most

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]
        return rows if sees_all_sites(request) else self.narrow(request, rows)

    def narrow(self, request: HttpRequest, rows: Any) -> QuerySet[Any]:
        """Return those of the rows that belong to the sites of the user, who is restricted."""
        narrowed: QuerySet[Any] = rows.at_sites_of(signed_in_user(request))
        return narrowed

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse staff who have no site: they see nothing, so they add nothing."""
        may: bool = super().has_add_permission(request)  # type: ignore[misc]
        return may and has_a_site(request)

    def get_field_queryset(self, db: Any, db_field: Any, request: HttpRequest) -> Any:
        """Return what a foreign key may refer to: no row that the user does not see."""
        if db_field.name in self.site_choices and not sees_all_sites(request):
            return self.site_choices[db_field.name](signed_in_user(request))
        return super().get_field_queryset(db, db_field, request)  # type: ignore[misc]

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = super().get_list_filter(request)  # type: ignore[misc]
        if sees_all_sites(request):
            return filters
        return [(each, SiteLocationFilter) if each == "location" else each for each in filters]


class SharedAdminMixin:
    """An admin of rows that all sites share: staff who are restricted to their sites only read."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may: bool = super().has_add_permission(request)  # type: ignore[misc]
        return may and sees_all_sites(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may: bool = super().has_change_permission(request, obj)  # type: ignore[misc]
        return may and sees_all_sites(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may: bool = super().has_delete_permission(request, obj)  # type: ignore[misc]
        return may and sees_all_sites(request)


@admin.register(SiteStaff)
class SiteStaffAdmin(SiteAdminMixin, HiddenAccountsMixin, DomainActionAdmin):
    """Who works at which site. Only superusers change it."""

    fields = ("user", "location")
    readonly_fields = ("member",)
    autocomplete_fields = ("user", "location")
    list_display = ("member", "location")
    list_select_related = ("user", "location")
    list_filter = ("location",)
    search_fields = ("user__last_name", "user__first_name", "location__name")
    search_help_text = _("Name of the member, or location.")
    deletion_note = _(
        "Once the last membership is deleted, all staff see what belongs to any site."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[SiteStaff]:
        return super().get_queryset(request).select_related("user", "location")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the name instead of the account to those who only read."""
        may_change = self.has_change_permission(request, obj)
        return self.fields if may_change else ("member", "location")

    def name_in_log(self, row: SiteStaff) -> str:
        return f"account {row.user_id} at {row.location}"

    @admin.display(description=_("member"), ordering="user__last_name_key")
    def member(self, row: SiteStaff) -> str:
        """Return the name of the member."""
        return display_name(row.user_id, None, row.user)
