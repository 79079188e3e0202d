from django.apps import AppConfig


class DoctorConfig(AppConfig):
    """Doctors, locations, sessions and the slots that patients book."""

    name = "doctor"
    verbose_name = "Doctors, hours and times"
