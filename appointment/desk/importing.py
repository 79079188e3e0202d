"""Import doctors, weekly hours and patients from files."""

from django.http import HttpRequest, HttpResponse

from appointment.desk.pages import DeskPage


class ImportPage(DeskPage):
    """Import doctors, weekly hours and patients from files."""

    title = "Import"
    template_name = "desk/base.html"
    kind = "desk.import"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page."""
        return self.page()
