from django.apps import AppConfig
from django.contrib.admin import apps as admin


class AccountsConfig(AppConfig):
    """People who sign in: the base that every other app may import."""

    name = "accounts"
    default = True


class ClinicAdminConfig(admin.AdminConfig):
    """The admin, with the site that can ask for a second factor."""

    default = False
    default_site = "accounts.site.ClinicAdminSite"
