"""The admin site, which asks for a second factor where the settings want it.

Apart from `accounts.admin`, which registers models with it: Django makes it at the first of them.
"""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.admin.sites import AdminSite
from django.contrib.auth import user_login_failed
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django_otp.admin import OTPAdminSite

WRONG = (
    "Wrong e-mail address, password or code. A code serves once; after a wrong one, wait a moment."
)


class CodeForm(AdminAuthenticationForm):
    """Address, password and a code, of which a refusal does not say which one was wrong."""

    error_messages = {**AdminAuthenticationForm.error_messages, "invalid_login": WRONG}
    code = forms.CharField(
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "spellcheck": "false"}),
    )

    def confirm_login_allowed(self, user: Any) -> None:
        """Raise ValidationError unless they may open the admin and typed a right code.

        Asked after the password was right: a stranger cannot use up the owner's tries. A wrong code
        counts like a wrong password towards the lock-out.
        """
        from accounts.models import SecondFactor  # the site is made before the models are

        super().confirm_login_allowed(user)
        device = SecondFactor(user).verify(self.cleaned_data.get("code", ""))
        if device is None:
            tried = {"username": user.get_username()}
            user_login_failed.send(__name__, credentials=tried, request=self.request)
            raise self.get_invalid_login_error()
        user.otp_device = device  # which django-otp notes in the session


class ClinicAdminSite(OTPAdminSite):
    """Lets in who is staff and, with ADMIN_SECOND_FACTOR, typed a right code in this session."""

    site_header = site_title = "Clinic appointments"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)

    @property
    def login_form(self) -> type[AdminAuthenticationForm] | None:
        """The form of the login page; None is Django's own."""
        return CodeForm if settings.ADMIN_SECOND_FACTOR else None

    @property
    def login_template(self) -> str | None:
        """The login page; None is Django's own."""
        return "accounts/login.html" if settings.ADMIN_SECOND_FACTOR else None

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether this person may see any page of the admin."""
        if settings.ADMIN_SECOND_FACTOR:
            return bool(super().has_permission(request))
        return AdminSite.has_permission(self, request)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The page to sign in at, under the limit of all logins."""
        from accounts.login_limits import limits_logins  # the site is made before the models are

        page = limits_logins(super().login)
        return page(request, extra_context)

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """What a field suggests; of patients it is written down who was named to whom."""
        from accounts.audit.admin import Suggestions

        return cast(HttpResponse, Suggestions.as_view(admin_site=self)(request))

    def get_urls(self) -> list[Any]:
        from accounts.admin.second_factor import SecondFactorView

        view = self.admin_view(SecondFactorView.as_view(site=self))
        return [path("second-factor/", view, name="second_factor"), *super().get_urls()]
