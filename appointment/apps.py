from django.apps import AppConfig


class AppointmentConfig(AppConfig):
    """Appointments, their events, the waitlist, and all that needs doctors and patients both."""

    name = "appointment"

    def ready(self) -> None:
        """Connect the receivers of signals."""
        # Here, since the models are loaded by now; importing the receivers connects them.
        from appointment import receivers  # noqa: F401, PLC0415
