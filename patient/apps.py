from django.apps import AppConfig


class PatientConfig(AppConfig):
    """The people who are seen, and their medical history."""

    name = "patient"
