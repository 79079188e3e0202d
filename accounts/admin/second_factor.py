"""The page where staff manage their second factor, and the admin of all users' devices."""

from typing import Any, cast

import django_otp
from django.contrib import admin, messages
from django.contrib.admin.sites import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import View
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.fields import fold_email
from accounts.models import SecondFactor, User
from accounts.models.second_factor import key_in_groups
from accounts.privacy import AllSitesAdminMixin, NamedAccountsMixin
from accounts.requests import signed_in_user
from extensions.admin.actions import DomainActionAdmin
from extensions.exceptions import DomainError

UNKNOWN = _("No member of staff, and no doctor who may sign in here, has this address.")


class SecondFactorView(View):
    """The user's own authenticator app and recovery codes.

    The response to a form shows a new key or code once: no URL and no session holds it.
    """

    site: AdminSite = cast(AdminSite, None)  # `as_view(site=...)` sets it on each view
    http_method_names = ["get", "head", "post"]
    verbs = ("begin", "confirm", "renew", "remove", "give")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the user's second factor."""
        return self.page(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Call the method that the form's `verb` names; show a DomainError as a message.

        Raises PermissionDenied for any other name.
        """
        verb = request.POST.get("verb", "")
        if verb not in self.verbs:
            raise PermissionDenied
        try:
            shown = getattr(self, verb)(request, SecondFactor(signed_in_user(request)))
        except DomainError as error:
            messages.error(request, error.staff_message)
            shown = {}
        return self.page(request, **shown)

    def page(self, request: HttpRequest, **shown: Any) -> HttpResponse:
        """Return the page; `shown` adds new keys and codes to the context of this response only."""
        context = {
            **self.site.each_context(request),
            "title": gettext("Second factor"),
            "factor": SecondFactor(signed_in_user(request)),
            **shown,
        }
        return TemplateResponse(request, "accounts/second_factor.html", context)

    # --- The forms of the page: each method returns what `page` gets as `shown` ---

    def begin(self, request: HttpRequest, factor: SecondFactor) -> dict[str, Any]:
        """Create an unconfirmed app; return its secret key and `otpauth:` link for the phone."""
        device = factor.begin(_code(request))
        return {"key": key_in_groups(device), "link": device.config_url}

    def confirm(self, request: HttpRequest, factor: SecondFactor) -> dict[str, Any]:
        """Activate the app by its first code, verify this session, return new recovery codes."""
        codes = factor.confirm(_code(request))
        django_otp.login(request, factor.app)
        self.log(request, factor.user, _("Second factor set up."))
        return {"codes": codes}

    def renew(self, request: HttpRequest, factor: SecondFactor) -> dict[str, Any]:
        """Replace the recovery codes: return the new ones."""
        codes = factor.renew_codes(_code(request))
        self.log(request, factor.user, _("Recovery codes renewed."))
        return {"codes": codes}

    def remove(self, request: HttpRequest, factor: SecondFactor) -> dict[str, Any]:
        """Remove the app and the recovery codes."""
        factor.remove(_code(request))
        self.log(request, factor.user, _("Second factor removed."))
        return {}

    def give(self, request: HttpRequest, factor: SecondFactor) -> dict[str, Any]:
        """Return a new code with which a colleague signs in once.

        Only a superuser may call this, with a code of their own: raises PermissionDenied or
        WrongCode. Raises DomainError if the address is not that of an active member of staff.
        """
        if not factor.user.is_superuser:
            raise PermissionDenied
        factor.require(_code(request))
        email = fold_email(request.POST.get("email", ""))[:254].replace("\0", "")
        colleague = User.objects.filter(email=email, is_active=True).first()
        if colleague is None or not colleague.may_open_admin:
            raise DomainError(UNKNOWN)
        self.log(request, colleague, _("One-time code given."))
        return {"given": SecondFactor(colleague).give_code(), "colleague": colleague}

    def log(self, request: HttpRequest, user: User, message: Any) -> None:
        """Write the message to the admin's log of the account, and show it on the page."""
        self.site.get_model_admin(User).log_change(request, user, message)
        messages.success(request, message)


def _code(request: HttpRequest) -> str:
    return request.POST.get("code", "")[:40]


class DeviceAdmin(AllSitesAdminMixin, NamedAccountsMixin, DomainActionAdmin):
    """The devices of django-otp (an app or a set of recovery codes), without their keys and codes.

    Only superusers may delete one.
    """

    list_display = ("user", "confirmed", "created_at", "last_used_at")
    list_select_related = ("user",)
    list_filter = ("confirmed",)
    search_fields = ("user__email", "user__first_name", "user__last_name")
    fields = readonly_fields = ("user", "kind", "confirmed", "created_at", "last_used_at")
    ordering = ("-created_at",)
    deletion_note = _("They cannot sign in with it any more; sessions that it proved end.")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("name"))
    def kind(self, row: Any) -> str:
        """Return the stored name of the device, which is one of two."""
        return gettext(row.name)

    def name_in_log(self, row: Any) -> str:
        return f"{row.name} of account {row.user_id}"


admin.site.register((TOTPDevice, StaticDevice), DeviceAdmin)
