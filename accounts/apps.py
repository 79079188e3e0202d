from django.apps import AppConfig
from django.contrib.admin import apps as admin


class AccountsConfig(AppConfig):
    """Accounts and the audit trail; every other app may import this one."""

    name = "accounts"
    default = True


class ClinicAdminConfig(admin.AdminConfig):
    """The admin, with the site that asks for a second factor."""

    default = False
    default_site = "accounts.site.ClinicAdminSite"
