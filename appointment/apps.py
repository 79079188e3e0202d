from django.apps import AppConfig


class AppointmentConfig(AppConfig):
    """Appointments, their events, the waitlist, and all that needs doctors and patients both."""

    name = "appointment"
    verbose_name = "Visits and waitlist"

    def ready(self) -> None:
        """Connect the receivers of signals."""
        from appointment import receivers  # noqa: F401, PLC0415  (connects them; models are loaded)
