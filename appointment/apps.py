from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AppointmentConfig(AppConfig):
    """Appointments, their events, the waitlist, and all that needs doctors and patients both."""

    name = "appointment"
    verbose_name = _("Visits and waitlist")

    def ready(self) -> None:
        """Connect the receivers of signals."""
        from appointment import receivers  # noqa: F401, PLC0415  (connects them; models are loaded)
