"""The weekly hours of a doctor, and the holidays of the sites."""

from django.http import HttpRequest, HttpResponse

from appointment.desk.pages import DeskPage


class HoursPage(DeskPage):
    """The weekly hours of a doctor, and the holidays of the sites."""

    title = "Hours"
    template_name = "desk/base.html"
    kind = "desk.hours"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page."""
        return self.page()
