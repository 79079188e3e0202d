"""The day of one site, a column a doctor."""

from django.http import HttpRequest, HttpResponse

from appointment.desk.pages import DeskPage


class DayPage(DeskPage):
    """The day of one site, a column a doctor."""

    title = "Day"
    template_name = "desk/base.html"
    kind = "desk.day"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page."""
        return self.page()
