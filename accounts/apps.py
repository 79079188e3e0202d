from django.apps import AppConfig
from django.contrib.admin import apps as admin
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Accounts and the audit trail; every other app may import this one."""

    name = "accounts"
    verbose_name = _("Accounts and audit")
    default = True

    def ready(self) -> None:
        """Connect the receivers of signals."""
        from accounts import receivers  # noqa: F401, PLC0415  (connects them; models are loaded)


class ClinicAdminConfig(admin.AdminConfig):
    """Django's admin app with ClinicAdminSite, which can ask for a second factor, as its site."""

    default = False
    default_site = "accounts.site.ClinicAdminSite"
