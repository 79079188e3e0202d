from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PatientConfig(AppConfig):
    """Patients, their medical history, and emergency access to it."""

    name = "patient"
    verbose_name = _("Patients")
