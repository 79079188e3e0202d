from django.apps import AppConfig


class DoctorConfig(AppConfig):
    """Doctors, where and when they see patients, and the slots that come of it."""

    name = "doctor"
