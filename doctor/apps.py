from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DoctorConfig(AppConfig):
    """Doctors, locations, sessions and the slots that patients book."""

    name = "doctor"
    verbose_name = _("Doctors, hours and times")
