"""Who waits, and which offers are open."""

from django.http import HttpRequest, HttpResponse

from appointment.desk.pages import DeskPage


class LinePage(DeskPage):
    """Who waits, and which offers are open."""

    title = "Waitlist"
    template_name = "desk/base.html"
    kind = "desk.line"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page."""
        return self.page()
