"""Texts of libraries that their own catalogs lack in a language of ours (never imported).

`python -m tools.translations` finds the texts here; tests/test_translations.py finds what lacks.
"""

from django.utils.translation import gettext_noop as _

REST_FRAMEWORK = (
    _("A valid biginteger is required."),
    _("Integer value too large to convert to float"),
    _("Surrogate characters are not allowed: U+{code_point:X}."),
    _("content"),
    _("main content"),
    _("navbar"),
    _("request form"),
    _("request info"),
    _("response info"),
)
DJANGO_FILTERS = (_("is null"),)
DJANGO_OTP = (_("Please select a device."),)
IMPORT_EXPORT = (_("Value could not be parsed."),)
AXES = (
    _("Access Attempt"),
    _("Access lock out"),
    _("Account locked: too many login attempts. Contact an admin to unlock your account."),
    _("Account locked: too many login attempts. Please try again later."),
    _("Attempt Remaining"),
    _("Attempt Time"),
    _("Clean up expired attempts"),
    _("Expires At"),
    _("Failed Logins"),
    _("Form Data"),
    _("GET Data"),
    _("HTTP Accept"),
    _("IP Address"),
    _("Locked Out"),
    _("Logout Time"),
    _("Meta Data"),
    _("Not set"),
    _("POST Data"),
    _("Path"),
    _("Session key hash (sha256)"),
    _("The time when access attempt expires and is no longer valid."),
    _("User Agent"),
    _("access attempt expiration"),
    _("access attempt expirations"),
    _("access attempt"),
    _("access attempts"),
    _("access failure"),
    _("access failures"),
    _("access log"),
    _("access logs"),
)
