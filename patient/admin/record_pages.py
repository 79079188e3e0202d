"""Pages beside the page of a patient: merge two records, give a code, mark the person deceased."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop, pgettext
from django.utils.translation import gettext_lazy as _

from accounts.privacy import has_a_site, may_view_accounts
from accounts.requests import signed_in_user
from extensions.admin.actions import HANDLED_ERRORS, DomainActionAdmin
from extensions.admin.forms import Autocomplete
from extensions.formats import date_text
from patient.admin.duplicates import MOST_SHOWN
from patient.exceptions import MergeRefused
from patient.models import ClaimCode, MedicalHistory, MergedPatient, Patient
from patient.models.merging import COMPARED, differing_identity, filled_from, refuse_merge

# The pages: name in the URL, label of the link on the patient's page, and the permission.
PAGES = {
    "merge": (_("Merge with another record"), "patient.merge_patient"),
    "claim-code": (_("Code for the app"), "patient.issue_claim_code"),
    "deceased": (_("Deceased"), "patient.change_patient"),
}


class RecordPagesMixin(DomainActionAdmin):
    """Adds the pages of PAGES to the admin of patients; redirects from merged records."""

    def get_urls(self) -> list[Any]:
        """Return the URLs of these pages, before the one that takes any other path for a key."""
        views = {
            "merge": self.merge_view,
            "claim-code": self.claim_code_view,
            "deceased": self.deceased_view,
        }
        pages = [
            path(f"<path:object_id>/{name}/", self._wrapped(view), name=_url_name(name))
            for name, view in views.items()
        ]
        return [*pages, *super().get_urls()]

    def _wrapped(self, view: Callable[..., Any]) -> Callable[..., Any]:
        """Return the view for signed-in staff; `accounts.audit.denials` reads its `model_admin`."""

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return self.admin_site.admin_view(view)(*args, **kwargs)

        wrapper.model_admin = self  # type: ignore[attr-defined]
        return update_wrapper(wrapper, view)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Add the links to the pages that the user may open."""
        patient = kwargs.get("obj")
        context["record_pages"] = [
            (_path(name, patient), label)
            for name, (label, permission) in PAGES.items()
            if patient and request.user.has_perm(permission)
        ]
        return super().render_change_form(request, context, *args, **kwargs)

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        """Redirect from the page of a record that was merged away to the kept record."""
        key = unquote(object_id)
        kept = MergedPatient.objects.kept_key(key) if self._can_be_key(key) else None
        patient = kept and self.get_queryset(request).filter(pk=kept).first()
        if not patient:
            return super()._get_obj_does_not_exist_redirect(request, opts, object_id)  # type: ignore[misc]
        self.message_user(request, _merged_text(key), messages.INFO)
        return HttpResponseRedirect(_path("change", patient))

    # --- Merge ---

    def merge_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Choose the other record, see what a merge would do, and merge."""
        patient = self._patient_of(request, object_id, "merge")
        if not isinstance(patient, Patient):
            return patient
        form = self._merge_form(request)
        other = form.cleaned_data["other"] if form.is_bound and form.is_valid() else None
        if request.method == "POST" and other and "_merge" in request.POST:
            return self._merge(request, patient, other)
        context = {"form": form, "media": self.media + form.media, **self._page(request, patient)}
        if other:
            self.rows_shown(other, [other])
            context |= self._preview(request, patient, other)
        else:
            people: Any = self.get_queryset(request)
            if found := list(people.maybe_same(patient)[:MOST_SHOWN]):
                self.rows_shown(Patient, found)
            context["found"] = found
        return TemplateResponse(
            request, "patient/merge.html", {**context, "title": gettext("Merge records")}
        )

    def _merge_form(self, request: HttpRequest) -> forms.Form:
        # The widget needs a relation to patients that a registered form autocompletes. This one
        # suggests to staff of a site the patients of the site.
        widget = Autocomplete(MedicalHistory._meta.get_field("patient"), self.admin_site)
        given = request.POST if request.method == "POST" else request.GET
        form = forms.Form(given if "other" in given else None)
        form.fields["other"] = forms.ModelChoiceField(
            self.get_queryset(request),
            label=gettext("Other record of the same person"),
            widget=widget,
        )
        return form

    def _merge(self, request: HttpRequest, patient: Patient, other: Patient) -> HttpResponse:
        gone = other.pk
        try:
            patient.merge(other, by=signed_in_user(request))
        except HANDLED_ERRORS as error:
            self._show_error(request, error)
            return HttpResponseRedirect(f"{_path('merge', patient)}?other={gone}")
        said = gettext_noop("Merged with record %(value)s.") % {"value": gone}
        self.log_change(request, patient, said)
        self.message_user(request, _merged_text(gone), messages.SUCCESS)
        return HttpResponseRedirect(_path("change", patient))

    def _preview(self, request: HttpRequest, patient: Patient, other: Patient) -> dict[str, Any]:
        """Return what the page shows of a merge of `other` into `patient`."""
        filled = filled_from(patient, other)
        rows = [
            (_label(name), _shown(patient, name), _shown(other, name), name in filled)
            for name in COMPARED
        ]
        return {
            "other": other,
            "rows": [*rows, self._accounts(request, patient, other)],
            "no_account": pgettext("account", "none"),
            "differing": [_label(name) for name in differing_identity(patient, other)],
            "moves": self.merge_moves(patient, other),
            "obstacles": self.merge_obstacles(request, patient, other),
            "swap": f"{_path('merge', other)}?other={patient.pk}",
        }

    def _accounts(self, request: HttpRequest, *pair: Patient) -> tuple[str, str, str, bool]:
        """Return the row of the accounts: addresses, or for most staff whether there is one."""
        named = may_view_accounts(request)
        kept, gone = (
            (str(each.user) if named else gettext("yes"))
            if each.user
            else pgettext("account", "none")
            for each in pair
        )
        return gettext("account"), kept, gone, pair[0].user is None and pair[1].user is not None

    def merge_moves(self, patient: Patient, other: Patient) -> list[str]:
        """Return sentences about what goes from `other` to `patient`."""
        visits, entries = other.appointments.count(), other.waitlist_entries.count()
        return [
            gettext("Visits: %(number)s") % {"number": visits},
            gettext("Waitlist entries: %(number)s") % {"number": entries},
            gettext("The medical history"),
        ]

    def merge_obstacles(self, request: HttpRequest, patient: Patient, other: Patient) -> list[str]:
        """Return sentences about what prevents the merge."""
        try:
            refuse_merge(patient, other, signed_in_user(request))
        except MergeRefused as refused:
            return [self.error_message(refused)]
        return []

    # --- Code ---

    def claim_code_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Give a new code for the record, and show it once."""
        patient = self._patient_of(request, object_id, "claim-code")
        if not isinstance(patient, Patient):
            return patient
        context = {"title": gettext("Code for the app"), **self._page(request, patient)}
        if request.method == "POST":
            try:
                code = ClaimCode.objects.issue(patient, by=signed_in_user(request))
            except HANDLED_ERRORS as error:
                self._show_error(request, error)
            else:
                self.log_change(request, patient, _("Gave a code for the app."))
                context["code"] = code
        valid = ClaimCode.objects.valid_for(patient, timezone.now())
        return TemplateResponse(request, "patient/claim_code.html", {**context, "valid": valid})

    # --- Deceased ---

    def deceased_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Mark the person deceased, or take the mark back."""
        patient = self._patient_of(request, object_id, "deceased")
        if not isinstance(patient, Patient):
            return patient
        if request.method == "POST" and {"_mark", "_unmark"} & request.POST.keys():
            return self._mark(request, patient)
        coming = patient.appointments.upcoming(timezone.now())
        in_line = patient.waitlist_entries.filter(status__in=("waiting", "offered"))
        context = {
            **self._page(request, patient),
            "title": gettext("Deceased"),
            "coming": coming.count(),
            "in_line": in_line.count(),
        }
        return TemplateResponse(request, "patient/deceased.html", context)

    def _mark(self, request: HttpRequest, patient: Patient) -> HttpResponse:
        try:
            if "_unmark" in request.POST:
                patient.unmark_deceased()
                done = _("The mark was taken back. Canceled visits stay canceled.")
            else:
                patient.mark_deceased(by=signed_in_user(request))
                done = _("The person was marked deceased.")
        except HANDLED_ERRORS as error:
            self._show_error(request, error)
        else:
            self.log_change(request, patient, done)
            self.message_user(request, done, messages.SUCCESS)
        return HttpResponseRedirect(_path("change", patient))

    # --- Shared ---

    def _patient_of(self, request: HttpRequest, object_id: str, page: str) -> Any:
        """Return the patient of the page, or the redirect for one whom the user does not see.

        Raises PermissionDenied before the row is looked up.
        """
        allowed = request.user.has_perm(PAGES[page][1]) and self.has_view_permission(request)
        if not allowed or not has_a_site(request):
            raise PermissionDenied
        patient = self.get_object(request, unquote(object_id))
        return patient or self._get_obj_does_not_exist_redirect(request, self.opts, object_id)

    def _page(self, request: HttpRequest, patient: Patient) -> dict[str, Any]:
        site: admin.AdminSite = self.admin_site
        return {**site.each_context(request), "opts": self.opts, "patient": patient}


def _merged_text(key: Any) -> str:
    return gettext("Record %(number)s was merged into this one.") % {"number": key}


def _url_name(page: str) -> str:
    return f"patient_patient_{page.replace('-', '_')}"


def _path(page: str, patient: Patient) -> str:
    return reverse(f"admin:{_url_name(page)}", args=[patient.pk])


def _label(name: str) -> str:
    return str(Patient._meta.get_field(name).verbose_name)  # type: ignore[union-attr]


def _shown(patient: Patient, name: str) -> str:
    """Return the value of a field as staff read it."""
    value = getattr(patient, name)
    if name == "date_of_birth":
        return date_text(value) if value else ""
    return patient.get_sex_display() if name == "sex" else str(value or "")
