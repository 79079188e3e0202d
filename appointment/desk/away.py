"""Enter leave, and find other times for the visits that it hits."""

from django.http import HttpRequest, HttpResponse

from appointment.desk.pages import DeskPage


class AwayPage(DeskPage):
    """Enter leave, and find other times for the visits that it hits."""

    title = "Away"
    template_name = "desk/base.html"
    kind = "desk.away"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page."""
        return self.page()
