from django.apps import AppConfig


class AppointmentConfig(AppConfig):
    """Visits: booked, canceled, kept or missed, and everything that happened to them."""

    name = "appointment"
