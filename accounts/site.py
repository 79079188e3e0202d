"""The admin site, which asks for a second factor if the setting ADMIN_SECOND_FACTOR says so.

Django creates the site while it loads the apps, when the first model registers with it. So this
module is not in `accounts.admin`, which registers models; methods import the models and admins.
"""

from functools import partial
from typing import Any, cast

from django import forms
from django.apps import apps
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import user_login_failed
from django.contrib.auth.forms import AuthenticationForm
from django.core.checks import CheckMessage, Error
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_otp.admin import OTPAdminSite

WRONG = _(
    "Wrong e-mail address, password or code. "
    "Each code works once; after a wrong one, wait a moment."
)


class LoginForm(AdminAuthenticationForm):
    """The login form for those who may open the admin: staff, and others whom a permission admits.

    Django's own admits staff alone.
    """

    def confirm_login_allowed(self, user: Any) -> None:
        """Raise ValidationError for a user who may not open the admin."""
        AuthenticationForm.confirm_login_allowed(self, user)
        if not user.may_open_admin:
            raise self.get_invalid_login_error()


class CodeForm(LoginForm):
    """The login form: address, password and code; the error does not say which of them is wrong."""

    error_messages = {**AdminAuthenticationForm.error_messages, "invalid_login": WRONG}
    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "spellcheck": "false"}),
    )

    def confirm_login_allowed(self, user: Any) -> None:
        """Raise ValidationError unless the user may open the admin and typed a right code.

        Django calls this after the password was right, so that a stranger cannot use up the owner's
        attempts. A wrong code counts as a wrong password towards the lock-out.
        """
        from accounts.models import SecondFactor  # noqa: PLC0415  (Django makes the site before models load)

        super().confirm_login_allowed(user)
        device = SecondFactor(user).verify(self.cleaned_data.get("code", ""))
        if device is None:
            credentials = {"username": user.get_username()}
            user_login_failed.send(__name__, credentials=credentials, request=self.request)
            raise self.get_invalid_login_error()
        user.otp_device = device  # django-otp stores it in the session


class ClinicAdminSite(OTPAdminSite):
    """Admits users who `may_open_admin`, in a session in which they have typed a right code.

    The code is asked for if ADMIN_SECOND_FACTOR is on.
    """

    site_header = site_title = _("Clinic appointments")

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)  # django-otp's default is "otpadmin", but URLs are named "admin:..."

    @property
    def login_form(self) -> type[AdminAuthenticationForm]:
        """The form of the login page."""
        return CodeForm if settings.ADMIN_SECOND_FACTOR else LoginForm

    @property
    def login_template(self) -> str | None:
        """The template of the login page; None means Django's own."""
        return "accounts/login.html" if settings.ADMIN_SECOND_FACTOR else None

    def check(self, app_configs: Any) -> list[CheckMessage]:
        """Return Django's errors, and one for each admin whose lists any column could filter."""
        from extensions.admin.base import BaseAdmin  # noqa: PLC0415  (as above)

        unsafe = [each for each in self._registry.values() if not isinstance(each, BaseAdmin)]
        return super().check(app_configs) + [
            Error(
                f"The admin of {each.model._meta.label} is no BaseAdmin.",
                hint="Any column filters its list. Register it as accounts.admin.others does.",
                obj=type(each),
                id="accounts.E001",
            )
            for each in unsafe
        ]

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the user may open the admin at all."""
        user: Any = request.user
        may = user.is_authenticated and user.may_open_admin
        return bool(may and (not settings.ADMIN_SECOND_FACTOR or user.is_verified()))

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Return the apps and models that the user may see, made when a template lists them.

        Django makes the list for every page, also for one that does not show it: it asks each admin
        for the user's permissions, and makes three URLs for each model.
        """
        make = partial(super().get_app_list, request, app_label)
        return cast(list[Any], SimpleLazyObject(make))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what every page gets; the page of a history asks whether to show addresses."""
        from accounts.privacy import may_view_accounts  # noqa: PLC0415  (as above)

        addresses = partial(may_view_accounts, request)
        return {**super().each_context(request), "may_view_accounts": addresses}

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the login page; LoginThrottle counts its logins with those of the API."""
        from accounts.login_limits import limits_logins  # noqa: PLC0415  (as above)

        page = limits_logins(super().login)
        return page(request, extra_context)

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """Return the suggestions of an autocomplete field as JSON; record their patients."""
        from accounts.audit.admin import (  # noqa: PLC0415  (it registers an admin with this site)
            AuditedAutocompleteView,
        )

        return cast(HttpResponse, AuditedAutocompleteView.as_view(admin_site=self)(request))

    def index(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Lead to the page that the setting ADMIN_FRONT_PAGE names, or list the records."""
        front = import_string(settings.ADMIN_FRONT_PAGE)(request)
        return HttpResponseRedirect(front) if front else self.records(request)

    def records(self, request: HttpRequest) -> HttpResponse:
        """Show the list of all kinds of records that the user may see: Django's own index."""
        return super().index(request, {"title": gettext("All records")})

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the kinds of records of one app, under its name."""
        names = [app.verbose_name for app in apps.get_app_configs() if app.label == app_label]
        title = {"title": names[0]} if names else {}
        return super().app_index(request, app_label, {**title, **(extra_context or {})})

    def get_urls(self) -> list[Any]:
        from accounts.admin.second_factor import (  # noqa: PLC0415  (it registers admins here)
            SecondFactorView,
        )

        view = self.admin_view(SecondFactorView.as_view(site=self))
        return [
            path("second-factor/", view, name="second_factor"),
            path("records/", self.admin_view(self.records), name="records"),
            *super().get_urls(),
        ]
