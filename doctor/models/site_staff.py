"""Which sites a member of staff works at, and the rows at these sites."""

from typing import Any, Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.privacy import display_name
from extensions.db.models import PartialUpdateModel

Row = TypeVar("Row", bound=models.Model)


class SiteQuerySet(models.QuerySet[Row]):
    """Rows that belong to a location, which `site_path` names."""

    site_path = "location"

    def at_sites_of(self, user: Any) -> Self:
        """Return the rows at the sites of this member of staff: all rows, if not restricted."""
        if user.sites is None:
            return self
        return self.filter(**{f"{self.site_path}__in": user.sites})


class SiteStaffQuerySet(SiteQuerySet["SiteStaff"]):
    """Memberships by site, and the sites of a user."""

    def sites_of(self, user: int) -> frozenset[int] | None:
        """Return the keys of the user's sites in one query; None while no membership exists.

        `accounts.models.User.sites` asks this once for each request.
        """
        first = self.model.objects.order_by("pk").values("pk")[:1]
        found = self.model.objects.filter(Q(user=user) | Q(pk__in=first))
        rows = list(found.values_list("user", "location"))
        return frozenset(site for member, site in rows if member == user) if rows else None


class SiteStaff(PartialUpdateModel):
    """A member of staff works at a location. While no row exists, all staff see every location.

    A user with a membership cannot be deleted: the last row would go unnoticed, and with it the
    restriction of everybody else.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="site_memberships",
        limit_choices_to={"is_staff": True},
        db_index=False,
        help_text=_("A member of staff. One who works at several sites has a row for each."),
        verbose_name=_("user"),
    )
    location = models.ForeignKey(
        "doctor.Location",
        on_delete=models.PROTECT,
        related_name="staff",
        help_text=_(
            "As soon as one row exists, staff without a row see nothing, unless they have "
            "the permission to see all sites."
        ),
        verbose_name=_("location"),
    )

    objects = SiteStaffQuerySet.as_manager()

    class Meta:
        ordering = ("location", "user", "pk")
        verbose_name = _("member of a site")
        verbose_name_plural = _("staff of sites")
        default_permissions = ("view",)  # only superusers write them
        permissions = (("view_all_sites", "Can see and change what belongs to any site"),)
        constraints = (
            models.UniqueConstraint(
                fields=["user", "location"],
                name="doctor_sitestaff_once_per_site",
                violation_error_code="unique",
                violation_error_message=_("This person is a member of this site already."),
            ),
        )

    def __str__(self) -> str:
        name = display_name(self.user_id, None, self.user)
        return gettext("%(name)s at %(location)s") % {"name": name, "location": self.location}
