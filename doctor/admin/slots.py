"""The read-only admin of slots: they change through sessions and appointments only."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.requests import signed_in_user
from doctor.admin.sites import SiteAdminMixin
from doctor.models import Location, Schedule, Slot
from doctor.models.booking_rules import BookingContext
from doctor.models.search import A_YEAR, shown_start
from doctor.wall_time import starts_on_days
from extensions.admin.base import ReadOnlyAdmin
from extensions.admin.columns import two_lines
from extensions.admin.links import list_link
from extensions.formats import span_text
from extensions.search import Term

THREE_MONTHS = 92  # days


class BookableFilter(admin.SimpleListFilter):
    """Filter the slots that patients can book now."""

    title = _("booking")
    parameter_name = "booking"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("now", gettext("Can be booked"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.bookable(timezone.now()) if self.value() == "now" else queryset


@admin.register(Slot)
class SlotAdmin(SiteAdminMixin, ReadOnlyAdmin):
    """Slots, for all who may view sessions. The booking form's autocomplete field searches here."""

    fields = readonly_fields = (
        "time",
        "doctor",
        "location",
        "capacity",
        "extra_places",
        "taken",
        "is_open",
        "schedule",
        "appointments",
    )
    list_display = ("time", "who_and_where", "places", "is_open")
    list_select_related = ("doctor", "location")
    list_filter = (BookableFilter, "is_open", "location", "doctor")
    link_filters = ("schedule__id__exact",)
    date_hierarchy = "schedule__date"
    period_column = "starts_at"
    opens_with_this_month = True
    bounding_filters = ("booking",)
    sortable_by = ("time",)
    search_fields = (
        "doctor__last_name",
        "doctor__first_name",
        "location__name",
    )
    search_help_text = _("Doctor, location, date (2026-12-01) or time (09:00), or several of them.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Slot]:
        return super().get_queryset(request).select_related("doctor", "location")

    def narrow(self, request: HttpRequest, rows: Any) -> QuerySet[Slot]:
        """Return the slots at the sites of the user.

        Of a doctor's, PostgreSQL compares the site of each: it would otherwise combine the index of
        the doctor with that of the site, and read all of the site's.
        """
        if not request.GET.get("doctor__id__exact"):
            return super().narrow(request, rows)
        site = Coalesce(F("location"), F("location"))
        narrowed: QuerySet[Slot] = rows.alias(site=site).filter(
            site__in=signed_in_user(request).sites
        )
        return narrowed

    def in_period(self, rows: Any, first: date, end: date) -> QuerySet[Slot]:
        """Return the slots of these days at their locations, by the index of the start."""
        slots: QuerySet[Slot] = rows.between(first, end - timedelta(days=1), Location.objects.all())
        return slots

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[QuerySet[Slot], bool]:
        """Search as Django does; for an autocomplete field, what staff can book, soonest first.

        The notice and the horizon of a location and the start of the slot do not count: staff may
        override them. Full slots are found by date or time only: staff squeeze a patient into a
        certain time, and a search for the next free time shows no full ones.
        """
        match = request.resolver_match
        if match and match.url_name == "autocomplete":
            waived = {"past", "full"} if any(map(str.isdecimal, search_term)) else {"past"}
            context = BookingContext(timezone.now(), locations=(), waived=frozenset(waived))
            # A slot lasts less than two days: the bound lets the index of the start serve.
            queryset = queryset.filter(starts_at__gt=context.at - timedelta(days=2))
            queryset = queryset.bookable_in(context).order_by("starts_at", "pk")
        return super().get_search_results(request, queryset, search_term)

    def suggestion(self, slot: Slot) -> str:
        """Return the text of a suggestion in an autocomplete field."""
        full = slot.available <= 0
        return gettext("%(time)s (full)") % {"time": slot} if full else str(slot)

    def more_conditions(self, term: Term, terms: Sequence[Term]) -> Q | None:
        """Find slots by the time at which they start at their location, such as 09:00, or the day.

        By the index of the start: the date is that of the session. A time without a date or a name
        finds those of three months back and ahead.
        """
        if not term.days:
            around = A_YEAR if any(each.word for each in terms) else THREE_MONTHS
            return shown_start(term, terms, around=around)
        places = list(Location.objects.all())
        return reduce(or_, (starts_on_days(day, day, places) or Q(pk__in=()) for day in term.days))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow all who may view sessions."""
        sessions = self.admin_site.get_model_admin(Schedule)
        return sessions.has_view_permission(request) or super().has_view_permission(request, obj)

    @admin.display(description=_("time at the location"), ordering="starts_at")
    def time(self, slot: Slot) -> str:
        return span_text(slot.starts_at, slot.ends_at, slot.location.zone)

    @admin.display(description=_("doctor and location"))
    def who_and_where(self, slot: Slot) -> SafeString:
        """Return the doctor, and the location on a line of its own."""
        return two_lines(slot.doctor, slot.location)

    @admin.display(description=_("taken / places"))
    def places(self, slot: Slot) -> str:
        """Return how many places are taken, and how many there are."""
        return f"{slot.taken} / {slot.capacity}"

    @admin.display(description=_("visits"))
    def appointments(self, slot: Slot) -> SafeString:
        """Return a link to the list of the visits at this time."""
        return list_link(
            slot.appointments.model, gettext("All visits at this time"), slot__id__exact=slot.pk
        )
