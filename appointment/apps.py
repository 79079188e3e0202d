from django.apps import AppConfig


class AppointmentConfig(AppConfig):
    """Visits: booked, canceled, kept or missed, and everything that happened to them."""

    name = "appointment"

    def ready(self) -> None:
        """Listen to the calendar."""
        from appointment import receivers  # noqa: F401  (importing them connects them)
