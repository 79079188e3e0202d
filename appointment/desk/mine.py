"""A doctor's own day."""

from django.http import HttpRequest, HttpResponse

from appointment.desk.pages import DeskPage


class MinePage(DeskPage):
    """A doctor's own day."""

    title = "My day"
    template_name = "desk/base.html"
    kind = "desk.mine"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page."""
        return self.page()
