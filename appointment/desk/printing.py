"""A doctor's day on paper."""

from django.http import HttpRequest, HttpResponse

from appointment.desk.pages import DeskPage


class PrintPage(DeskPage):
    """A doctor's day on paper."""

    title = "Print"
    template_name = "desk/base.html"
    kind = "desk.print"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page."""
        return self.page()
