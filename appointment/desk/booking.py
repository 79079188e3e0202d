"""Book a visit for a patient on one page."""

from django.http import HttpRequest, HttpResponse

from appointment.desk.pages import DeskPage


class BookPage(DeskPage):
    """Book a visit for a patient on one page."""

    title = "New booking"
    template_name = "desk/base.html"
    kind = "desk.book"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page."""
        return self.page()
