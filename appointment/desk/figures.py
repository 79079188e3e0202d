"""Places, visits and use over a time."""

from django.http import HttpRequest, HttpResponse

from appointment.desk.pages import DeskPage


class FiguresPage(DeskPage):
    """Places, visits and use over a time."""

    title = "Figures"
    template_name = "desk/base.html"
    kind = "desk.figures"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page."""
        return self.page()
