"""The base class of the pages of the desk."""

import re
from collections.abc import Callable
from datetime import date
from functools import cached_property
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import BadRequest, ObjectDoesNotExist, PermissionDenied, ValidationError
from django.core.signing import Signer
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.dateparse import parse_date
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext
from django.views.generic import View
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from accounts.audit.models import AuditEvent
from accounts.models import User
from accounts.requests import signed_in_user
from appointment.desk.access import CHANGE_VISITS, VIEW_VISITS, may_see_desk
from appointment.desk.answers import Said, visit_sentence
from appointment.desk.cards import VisitCard
from appointment.desk.navigation import entries_for
from appointment.models import Appointment
from doctor.models import Location
from extensions.exceptions import DomainError
from extensions.rest.converters import IdConverter
from patient.models import Patient

SITE_IN_SESSION = "desk_location"  # the key of the site that the user chose last
FIRST_DATE, LAST_DATE = date(2000, 1, 1), date(2200, 1, 1)  # leave room for date arithmetic
REFUSALS = (DomainError, ValidationError, ObjectDoesNotExist, IntegrityError)
CHANGED = "desk-changed"  # the event on which the parts of a page that show data read it again


class DeskPage(View):
    """A page of the desk; it is a page of the admin site and asks for the same sign-in.

    `title`: the heading. `permission`: what a user needs to open the page, `permission_to_change`
    to send its forms. `kind`: the kind of the audit event that a full page records.
    """

    title: ClassVar[Any] = ""
    template_name: ClassVar[str] = ""
    permission: ClassVar[str] = VIEW_VISITS
    permission_to_change: ClassVar[str] = CHANGE_VISITS
    kind: ClassVar[str] = ""
    audited_model: ClassVar[Any] = Appointment  # for `accounts.audit.denials`

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Return the view, for users whom the admin site admits.

        A part of a page that a script asks for after the user has signed out is answered with the
        way to the login page: a redirect would put that page into the part. From there the user
        comes back to the page, and not to the URL of a part or of an action.
        """
        inner: Any = admin.site.admin_view(super().as_view(**initkwargs))

        def view(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
            if not admin.site.has_permission(request):
                if request.htmx:  # type: ignore[attr-defined]
                    return HttpResponseClientRedirect(_login_url(request))
                if request.method == "POST":
                    return HttpResponseRedirect(_login_url(request))
            answer: HttpResponseBase = inner(request, **kwargs)
            return answer

        view.cls = cls  # type: ignore[attr-defined]
        return view

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Call `get` or `post`; raises PermissionDenied for a user who may not."""
        if not self.may_open():
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def may_open(self) -> bool:
        """Whether the user may send this request."""
        changes = self.request.method == "POST"
        needed = self.permission_to_change if changes else self.permission
        return may_see_desk(self.user) and self.user.is_staff_with(needed)

    # --- What a page asks of the request ---

    @cached_property
    def user(self) -> User:
        """The signed-in user."""
        return signed_in_user(self.request)

    @cached_property
    def at(self) -> Any:
        """The instant of the request (UTC)."""
        return timezone.now()

    @cached_property
    def sites(self) -> list[Location]:
        """The locations that the user sees, by name."""
        return list(Location.objects.at_sites_of(self.user).order_by("name", "pk"))

    @cached_property
    def site(self) -> Location | None:
        """The location that `?location=` or a form names, else the last one chosen, else the first.

        None while there is no location. Raises Http404 for one that the user does not see.
        """
        by_key = {str(site.pk): site for site in self.sites}
        in_session = self.request.session.get(SITE_IN_SESSION, "")
        last = by_key.get(in_session) or next(iter(self.sites), None)
        named = self.request.GET.get("location") or self.request.POST.get("location")
        if named:
            if named not in by_key:
                raise Http404(gettext("There is no such location."))
            if by_key[named] != last and not self.request.htmx:  # type: ignore[attr-defined]
                self.request.session[SITE_IN_SESSION] = named
            return by_key[named]
        return last

    def date(self, name: str = "date") -> date:
        """Return the date that this parameter names, else today at the site.

        Raises BadRequest for what is no date, and for one before 2000 or after 2199.
        """
        typed = self.request.GET.get(name) or self.request.POST.get(name)
        if not typed:
            return self.site.today(self.at) if self.site else self.at.date()
        try:
            day = parse_date(typed)
        except ValueError:
            day = None
        if day is None or not FIRST_DATE <= day < LAST_DATE:
            raise BadRequest(gettext("This is not a date of the desk. Write it as 2026-12-01."))
        return day

    def key(self, name: str) -> int | None:
        """Return the primary key in this parameter of the URL or the form, or None without one.

        Raises Http404 for what no row can have.
        """
        typed = self.request.GET.get(name) or self.request.POST.get(name)
        if not typed:
            return None
        if not re.fullmatch(IdConverter.regex, typed):
            raise Http404(gettext("There is no such row."))
        return int(typed)

    # --- What a page answers ---

    def context(self, **more: Any) -> dict[str, Any]:
        """Return the context of the template: that of the admin, the desk's, and `more`."""
        return {
            **admin.site.each_context(self.request),
            "is_nav_sidebar_enabled": False,
            "title": self.title,
            "entries": entries_for(self.user),
            "current": f"desk:{self.request.resolver_match.url_name}",  # type: ignore[union-attr]
            "site": self.site,
            "sites": self.sites,
            "at": self.at,
            "may_change": self.user.is_staff_with(CHANGE_VISITS),
            "refresh_seconds": settings.DESK_REFRESH_SECONDS,
            **more,
        }

    def page(self, status: int = 200, template: str = "", **more: Any) -> HttpResponse:
        """Return the page, or the part of it that this `template` makes.

        A whole page that is opened records one audit event; a part records none by itself.
        """
        if not template and self.request.method == "GET":
            self.record_page()
        name = template or self.template_name
        return render(self.request, name, self.context(**more), status=status)

    @property
    def role(self) -> str:
        """The role in which the user opens the page."""
        return str(AuditEvent.Role.STAFF)

    def record_page(self, kind: str = "", action: str = AuditEvent.Action.READ) -> None:
        """Record that the user opened the page, or did what `kind` names: one event, no patient."""
        known = {"kind": kind or self.kind, "role": self.role}
        AuditEvent.objects.record(action, self.audited_model, **known)

    def proof(self, *shown: object) -> str:
        """Return a signature which proves that this user has opened the page of what is `shown`."""
        return Signer(salt=self.kind).signature(" ".join(map(str, (self.user.pk, *shown))))

    def record_unless_opened(self, *shown: object) -> None:
        """Record a refresh without the `proof` that the page gives to its refreshes.

        A refresh records nothing, so that a request made by hand would show names unrecorded.
        """
        sent = self.request.POST.get("proof") or self.request.GET.get("proof", "")
        if not constant_time_compare(sent, self.proof(*shown)):
            self.record_page()

    def record_person(self, person: Patient) -> None:
        """Record that the user has opened this person's data."""
        AuditEvent.objects.record("read", person, [person], role=self.role)

    def attempt(self, verb: Callable[[], Said], visit: Appointment | None = None) -> Said:
        """Call the verb in one transaction; return what it says, or the reason of the refusal.

        A refusal of an action on a visit also says how the visit stands now.
        """
        try:
            with transaction.atomic():
                return verb()
        except REFUSALS as error:
            stands = [self._stands(visit)] if visit else []
            return Said(" ".join([refusal_text(error), *stands]), refused=True)

    def _stands(self, visit: Appointment) -> str:
        """Return the sentence that says how the visit stands now; it may be deleted."""
        try:
            visit.reload()
        except ObjectDoesNotExist:
            return visit_sentence(visit, gettext("%(person)s had this visit: %(visit)s."))
        return visit_sentence(visit, VisitCard(visit, self.at).stands)

    def answer(self, said: Said, template: str = "desk/said.html", **more: Any) -> HttpResponse:
        """Answer an action: a sentence in the live region, and the page reads its data again.

        Without a script the browser goes on to `said.then` or to the page it came from, which shows
        the sentence as a message.
        """
        level = messages.ERROR if said.refused else messages.SUCCESS
        if self.request.htmx:  # type: ignore[attr-defined]
            if said.then:
                messages.add_message(self.request, level, said.text)
                return HttpResponseClientRedirect(said.then)
            response = render(self.request, template, self.context(said=said, **more))
            return trigger_client_event(response, CHANGED)
        messages.add_message(self.request, level, said.text)
        return HttpResponseRedirect(said.then or page_of(self.request))


def page_of(request: HttpRequest) -> str:
    """Return the page of this host that has sent the request, or the day."""
    page = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    safe = url_has_allowed_host_and_scheme(page, {request.get_host()}, request.is_secure())
    return page if safe else reverse("desk:day")


def _login_url(request: HttpRequest) -> str:
    """Return the URL of the login page that leads back to the page of the request."""
    return f"{reverse('admin:login')}?{urlencode({REDIRECT_FIELD_NAME: page_of(request)})}"


def refusal_text(error: Exception) -> str:
    """Return the sentence for staff that says why a change was refused."""
    match error:
        case DomainError():
            return error.staff_message
        case ValidationError():
            return " ".join(error.messages)
        case ObjectDoesNotExist():
            return gettext("It is not there any more: another user has deleted it.")
    return gettext("Another user changed this meanwhile. The page shows it as it is now.")
