"""Import doctors, weekly hours and patients: send a file, see what it would do, confirm."""

from functools import cached_property
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.formats import number_format
from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from appointment.desk.answers import Said
from appointment.desk.pages import DeskPage
from appointment.imports import Kind, kinds_for
from appointment.models import StagedImport
from extensions.imports import CHANGED, MOST_LISTED, NEW, REFUSED, UNCHANGED, Report
from patient.models import Patient

TOO_LARGE = _(
    "The file is larger than %(size)d MiB. Split it, or let the "
    "operator of the server import it by its command."
)
NO_FILE = _("Choose a file first.")
NOT_KEPT = _(
    "The file is not kept any more: it is written already, or an hour has passed. Choose it again "
    "to see: rows that are there already are not written twice."
)
NOTHING_NEW = _("Every row is there already: there is nothing to write.")


class ImportPage(DeskPage):
    """Send a file, see what it would do, and confirm. Nothing is written before that."""

    title = pgettext_lazy("page of the desk", "Import")
    template_name = "desk/import.html"
    kind = "desk.import"
    audited_model = Patient

    def may_open(self) -> bool:
        return bool(self.kinds)

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page, or return the template that `?template=` names."""
        if name := request.GET.get("template"):
            return self.template(self.kind_named(name))
        return self.form(too_large() if "too_large" in request.GET else "")

    def post(self, request: HttpRequest) -> HttpResponse:
        """Check the file that was sent, or write the one that was checked."""
        try:
            return self.confirm() if "staged" in request.POST else self.check()
        except ValidationError as error:
            return self.form(" ".join(error.messages))

    @cached_property
    def kinds(self) -> list[Kind]:
        """What the user may import."""
        return kinds_for(self.user)

    def kind_named(self, name: str | None) -> Kind:
        """Return this kind; raises Http404 for one that the user may not import."""
        found = next((kind for kind in self.kinds if kind.name == name), None)
        if found is None:
            raise Http404(gettext("There is nothing of this name to import."))
        return found

    def template(self, kind: Kind) -> HttpResponse:
        """Return the file with the columns and an example row."""
        response = HttpResponse(kind.template(), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{kind.name}.csv"'
        return response

    def check(self) -> HttpResponse:
        """Show what the file would do, and keep it until the user confirms."""
        kind = self.kind_named(self.request.POST.get("kind"))
        file = self.request.FILES.get("file")
        if file is None:
            raise ValidationError(NO_FILE)
        data = file.read()
        report = kind.reader(data, self.user, limited=True).check()
        return self.shown(kind, report, data)

    def confirm(self) -> HttpResponse:
        """Write the file that the user has seen checked; show it again if nothing is written."""
        try:
            staged = StagedImport.objects.claim(self.user, self.key("staged"))
        except StagedImport.DoesNotExist:
            raise ValidationError(NOT_KEPT) from None
        kind, ticked = self.kind_named(staged.kind), self.request.POST
        reader = kind.reader(staged.data, self.user, "adds_doubted" in ticked, limited=True)
        report = reader.run(good_rows_only="good_rows_only" in ticked)
        return self.shown(kind, report, staged.data, confirmed=True)

    def form(self, error: str = "") -> HttpResponse:
        """Show the form to send a file, with this error if there is one."""
        said = Said(error, refused=True) if error else None
        chosen = self.request.POST.get("kind") or self.kinds[0].name
        return self.page(said=said, kinds=self.kinds, chosen=chosen)

    def shown(
        self, kind: Kind, report: Report, data: bytes, confirmed: bool = False
    ) -> HttpResponse:
        """Show the report, with the form that confirms it while there is something to write."""
        self.record_page()
        waits = not report.is_written and report.to_write + report.doubted > 0
        staged = StagedImport.objects.stage(self.user, kind.name, data) if waits else None
        said = Said(sentence(kind, report, confirmed), refused=confirmed and not report.is_written)
        ticked = self.request.POST
        shown: dict[str, Any] = {
            "new": grouped(report.counts[NEW]),
            "changed": grouped(report.counts[CHANGED]),
            "cut": max(report.counts[name] for name in (NEW, CHANGED, REFUSED)) > MOST_LISTED,
            "good_rows_only": "good_rows_only" in ticked,
            "adds_doubted": "adds_doubted" in ticked,
        }
        return self.page(
            said=said, import_kind=kind, report=report, staged=staged, most=MOST_LISTED, **shown
        )


def too_large() -> str:
    """Return the sentence about a file that is too large."""
    return str(TOO_LARGE) % {"size": settings.UPLOAD_MAX_SIZE // 1024**2}


def sentence(kind: Kind, report: Report, confirmed: bool) -> str:
    """Return one sentence that says what the file does, or has done."""
    if report.stopped:
        text = gettext(
            "Written: %(new)s new, %(changed)s changed. It ended at a row that another user has "
            "changed meanwhile."
        )
    elif report.is_written:
        text = gettext(
            "%(rows)s written: %(new)s new, %(changed)s changed. The others: %(unchanged)s "
            "unchanged, %(refused)s refused."
        )
    elif confirmed and report.refused:
        text = gettext("Nothing is written: rows are refused (%(refused)s).")
    elif not report.to_write and not report.refused:
        return str(NOTHING_NEW)
    else:
        text = gettext(
            "%(rows)s: %(new)s new, %(changed)s changed, %(unchanged)s unchanged, %(refused)s "
            "refused. Nothing is written yet."
        )
    numbers = {name: grouped(report.counts[name]) for name in (NEW, CHANGED, UNCHANGED, REFUSED)}
    return text % {"rows": capfirst(str(kind.words)), **numbers}


def grouped(number: int) -> str:
    """Return a number as the reader's language groups its digits, such as 12,000."""
    return number_format(number, force_grouping=True)
