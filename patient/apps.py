from django.apps import AppConfig


class PatientConfig(AppConfig):
    """Patients, their medical history, and emergency access to it."""

    name = "patient"
    verbose_name = "Patients"
