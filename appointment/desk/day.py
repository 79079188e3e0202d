"""The day of one site, a column a doctor."""

from datetime import date, timedelta
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.dateformat import format as format_date
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext_lazy
from django_htmx.http import HttpResponseClientRedirect

from appointment.desk.access import ADD_VISITS, CHANGE_VISITS, VIEW_PATIENTS, VIEW_VISITS
from appointment.desk.day_query import Day
from appointment.desk.line_query import open_offers
from appointment.desk.navigation import VIEW_HOURS, VIEW_LINE
from appointment.desk.pages import FIRST_DATE, LAST_DATE, DeskPage
from doctor.models import Slot

A_DAY = timedelta(days=1)


class DayBase(DeskPage):
    """What the page of a day and its refresh have in common."""

    title = pgettext_lazy("page of the desk", "Day")
    template_name = "desk/day.html"
    kind = "desk.day"

    def day_of(self, day: date) -> Day | None:
        """Return what the page shows of this day; None while there is no site."""
        if self.site is None:
            return None
        offers = open_offers(self.user, self.at, [self.site])
        return Day(self.site, day, self.at, self.user.is_staff_with(CHANGE_VISITS), offers)

    def context(self, **more: Any) -> dict[str, Any]:
        """Add what the links and buttons of the table need."""
        home = reverse("desk:day")
        return super().context(
            may_add=self.user.is_staff_with(ADD_VISITS),
            home=home,
            may_see_hours=self.user.is_staff_with(VIEW_HOURS),
            may_see_line=self.user.is_staff_with(VIEW_LINE),
            free_url=reverse("desk:free"),
            squeeze_in_url=reverse("desk:squeeze-in"),
            walk_in_url=reverse("desk:walk-in"),
            people_url=f"{home}people/" if self.user.is_staff_with(VIEW_PATIENTS) else "",
            today_url=self._link(),
            **more,
        )

    def _link(self, day: date | None = None) -> str:
        """Return the link to a day at the site; without one to today, whenever it is followed."""
        query: dict[str, Any] = {"location": self.site.pk} if self.site else {}
        if day:
            query["date"] = day.isoformat()
        return f"{reverse('desk:day')}?{urlencode(query)}"

    def _next_with_hours(self, day: Day) -> dict[str, Any] | None:
        """Return the next day with hours at the site and its link, if this day has none."""
        if day.columns:
            return None
        later = Slot.objects.filter(location=day.site, starts_at__gte=day.span[1])
        first = later.order_by("starts_at").values_list("starts_at", flat=True).first()
        if first is None:
            return None
        found = first.astimezone(day.zone).date()
        return {"day": found, "url": self._link(found)}


class DayPage(DayBase):
    """The day of one site: who comes when to whom, and what is free."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the day; the form with site and date, sent by htmx, loads the page of another."""
        if request.htmx:  # type: ignore[attr-defined]
            return HttpResponseClientRedirect(request.get_full_path())
        shown = self.date()
        day = self.day_of(shown)
        title = capfirst(format_date(shown, gettext("l j F Y")))
        known = {"proof": self.proof(day.site.pk, shown) if day else "", **self._around(shown, day)}
        return self.page(title=title, day=day, shown=shown, **known)

    def _around(self, shown: date, day: Day | None) -> dict[str, Any]:
        """Return the links to other days, and to the next one with hours if this one has none."""
        return {
            "before": self._link(shown - A_DAY) if shown > FIRST_DATE else "",
            "after": self._link(shown + A_DAY) if shown + A_DAY < LAST_DATE else "",
            "next_with_hours": self._next_with_hours(day) if day else None,
        }


class DayChanges(DayBase):
    """The refresh: what has changed on the day since the page, or its last refresh, was made.

    The page sends the digest of each cell. They are too long for a URL, hence a POST; it changes
    nothing, and records nothing, since the page was recorded when it was opened.
    """

    permission_to_change = VIEW_VISITS

    def post(self, request: HttpRequest) -> HttpResponse:
        """Return the changed cells; 204 if nothing has changed; the whole table if it has moved."""
        day = self.day_of(self.date())
        if day is None:
            raise BadRequest(gettext("There is no location."))
        parts = self._changes(day, request.POST)
        if not parts:
            return HttpResponse(status=204)
        self.record_unless_opened(day.site.pk, day.day)
        return self.page(template="desk/day_changes.html", day=day, **parts)

    def _changes(self, day: Day, sent: QueryDict) -> dict[str, Any]:
        """Return what the template shows of the changes; nothing if there are none."""
        if sent.get("structure") != day.structure:
            return {"whole": True, "next_with_hours": self._next_with_hours(day)}
        known = dict(each.partition(":")[::2] for each in sent.getlist("column"))
        changed = day.changed_columns(known)
        return {"columns": changed, "cells": day.changed_cells(known)} if changed else {}
