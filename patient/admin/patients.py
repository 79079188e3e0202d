"""The admin pages of patients and of medical histories."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from accounts.audit.admin import AuditedAdminMixin
from accounts.models import AuditEvent
from accounts.privacy import HiddenAccountsMixin
from accounts.requests import signed_in_user
from extensions.admin.actions import DomainActionAdmin
from extensions.admin.columns import two_lines
from extensions.admin.dates import DATE_FIELDS
from extensions.admin.forms import GuardedForm
from extensions.admin.links import change_link, list_link
from extensions.db.expressions import values_by_index
from patient.admin.duplicates import CONFIRMED, SamePersonForm
from patient.admin.record_pages import RecordPagesMixin
from patient.models import MedicalHistory, Patient

MOST_LANGUAGES = 30  # that a filter names


class DeletionBox(forms.CheckboxInput):
    """The checkbox that deletes an entry, with a name for screen readers."""

    def __init__(self, attrs: Any = None) -> None:
        super().__init__({"aria-label": _("Delete this entry"), **(attrs or {})})


class HistoryFormSet(forms.BaseInlineFormSet):
    """The entries on the page of a patient."""

    deletion_widget = DeletionBox


class LanguageFilter(admin.AllValuesFieldListFilter):
    """A filter by language, in which patients without one have a name too.

    It reads each language once, by the index that begins with it: Django reads every patient.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        languages: Any = values_by_index(Patient, "preferred_language", MOST_LANGUAGES)
        self.lookup_choices = languages

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Yield the choices; the one of the empty text is "None given"."""
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or gettext("None given")}


class HistoryInline(admin.TabularInline):
    """The medical history on the page of a patient, with a form for new entries.

    Staff change an entry on its own page. A form for each entry here would exceed the limit of
    form fields from a hundred entries on, and would overwrite changes of a colleague.
    """

    model = MedicalHistory
    form = GuardedForm
    formset = HistoryFormSet
    patient_path = "patient"
    fields = ("kind", "description", "status", "diagnosed_on", "notes")
    formfield_overrides = DATE_FIELDS
    extra = 0
    show_change_link = True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Patient)
class PatientAdmin(AuditedAdminMixin, HiddenAccountsMixin, RecordPagesMixin):
    """Patients. Deleting one erases the person, and keeps past visits without a name."""

    form: Any = SamePersonForm
    patient_path = ""
    linking_fields = ("user", "is_dependent")
    fields = (
        "first_name",
        "last_name",
        "date_of_birth",
        "sex",
        "phone_number",
        "address",
        "preferred_language",
        "emergency_contact_name",
        "emergency_contact_phone",
        "external_id",
        CONFIRMED,
        "user",
        "is_dependent",
        "marked_deceased_at",
        "family",
        "appointments",
        "audit",
        "emergency",
    )
    readonly_fields = ("marked_deceased_at", "family", "appointments", "audit", "emergency")
    inlines = (HistoryInline,)
    autocomplete_fields = ("user",)
    list_display = (
        "sorted_last_name",
        "sorted_first_name",
        "date_of_birth",
        "phone_number",
        "is_dependent",
        "deceased",
    )
    list_display_links = ("sorted_last_name", "sorted_first_name")
    sortable_by = ("sorted_last_name",)
    list_filter = (
        "is_dependent",
        ("marked_deceased_at", admin.EmptyFieldListFilter),
        "sex",
        ("preferred_language", LanguageFilter),
    )
    search_fields = ("last_name", "first_name", "date_of_birth", "phone_number", "user__email")
    search_help_text = _("Name, date of birth (17 May 1990) or phone number, or several of them.")
    deleted_by_verb = True
    deletion_note = _(
        "Coming visits are canceled, personal and medical data are erased, past visits are kept "
        "without the person. The account and others of the family stay."
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the link to the audit events, and that to emergency access, to those who may use it.

        Users who may view medical histories anyway need no emergency access.
        """
        fields = super().get_fields(request, obj)
        closed = not request.user.has_perm("patient.view_medicalhistory")
        may_use = closed and request.user.has_perm("patient.use_emergency_access")
        reads_audit = request.user.has_perm("accounts.view_auditevent")
        may_save = self.has_change_permission(request, obj) if obj else True
        shown = {
            "emergency": obj and may_use,
            "audit": obj and reads_audit,
            "marked_deceased_at": obj,
            CONFIRMED: may_save,
        }
        return [name for name in fields if shown.get(name, True)]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Let the form compare with the patients whom the user may see."""
        form = super().get_form(request, obj, change=change, **kwargs)
        sees = self.has_view_permission(request)
        form.visible = self.get_queryset(request) if sees else Patient.objects.none()
        form.shown = staticmethod(partial(self.rows_shown, Patient))
        return form

    @admin.display(description=_("last name"), ordering="last_name_key")
    def sorted_last_name(self, patient: Patient) -> str:
        """Return the last name, sorted without case and accents."""
        return patient.last_name

    @admin.display(description=_("first name"), ordering="first_name_key", empty_value="-")
    def sorted_first_name(self, patient: Patient) -> str:
        """Return the first name, sorted without case and accents."""
        return patient.first_name

    @admin.display(description="", empty_value="")
    def deceased(self, patient: Patient) -> str:
        """Return the mark of a person who is marked deceased."""
        return pgettext("mark of a person", "deceased") if patient.is_deceased else ""

    @admin.display(description=_("family"))
    def family(self, patient: Patient) -> SafeString | str:
        """Return links to the other patients of the account, and record that the user sees them."""
        others = list(self.relatives(patient))
        if others:
            self.rows_shown(Patient, others)
        links = ((change_link(other), _role(other)) for other in others)
        return format_html_join(", ", "{} ({})", links) or self.get_empty_value_display()

    def relatives(self, patient: Patient) -> QuerySet[Patient]:
        """Return the other patients of the account."""
        return Patient.objects.cared_for_by(patient.user_id).exclude(pk=patient.pk)

    @admin.display(description=_("visits"))
    def appointments(self, patient: Patient) -> SafeString | str:
        """Return a link to the appointments of the patient."""
        if not patient.pk:
            return self.get_empty_value_display()
        visits = patient.appointments.model
        return list_link(visits, gettext("All visits"), patient__id__exact=patient.pk)

    @admin.display(description=_("read and changed"))
    def audit(self, patient: Patient) -> SafeString:
        """Return a link to the audit events of the patient."""
        return list_link(AuditEvent, gettext("By whom, and when"), patient_id__exact=patient.pk)

    @admin.display(description=_("medical history"))
    def emergency(self, patient: Patient) -> SafeString:
        """Return a link to the page that asks for the reason of an emergency access."""
        path = reverse("admin:patient_emergencyaccess_add")
        words = gettext("Emergency access: give a reason")
        return format_html('<a href="{}?patient={}">{}</a>', path, patient.pk, words)

    def add_row(self, request: HttpRequest, obj: Patient) -> None:
        """Save a new patient by `enroll`, which also writes the audit event."""
        obj.enroll()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save and delete the inline's entries by `add` and `remove`, which write audit events."""
        form.save_m2m()
        for formset in formsets:
            for entry in formset.save(commit=False):
                entry.add()
            for entry in formset.deleted_objects:
                entry.remove()

    def delete_model(self, request: HttpRequest, obj: Patient) -> None:
        """Erase the person instead of deleting the row: past visits stay, without a name."""
        obj.erase(by=signed_in_user(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Patient]) -> None:
        """Erase all in one transaction, which locks all their slots in one statement."""
        keys = [row.pk for row in queryset]
        Patient.objects.filter(pk__in=keys).erase_all(by=signed_in_user(request))

    def name_in_log(self, row: Patient) -> str:
        """Return a label without the name, since the admin log outlives an erased person."""
        return f"patient {row.pk}"


def _role(patient: Patient) -> str:
    return gettext("dependent") if patient.is_dependent else gettext("the account's own")


@admin.register(MedicalHistory)
class MedicalHistoryAdmin(AuditedAdminMixin, DomainActionAdmin):
    """The entries of all medical histories."""

    fields = ("patient", "kind", "description", "status", "diagnosed_on", "notes")
    autocomplete_fields = ("patient",)
    list_display = ("patient", "entry", "status", "diagnosed_on")
    list_display_links = ("entry",)
    list_filter = ("kind", "status")
    list_select_related = ("patient",)
    date_hierarchy = "created_at"
    unindexed_filters = ("kind__exact", "status__exact")
    unindexed_search = frozenset({"description"})
    sortable_by = ()  # the newest first
    search_fields = (
        "patient__last_name",
        "patient__first_name",
        "patient__date_of_birth",
        "description",
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Make the patient of an existing entry read-only."""
        return ("patient", "created_at", "updated_at") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.fields, "created_at", "updated_at") if obj else self.fields

    @admin.display(description=_("entry"), ordering="kind")
    def entry(self, entry: MedicalHistory) -> SafeString:
        """Return the kind, and the description on a line of its own."""
        return two_lines(entry.get_kind_display(), entry.description)

    def add_row(self, request: HttpRequest, obj: MedicalHistory) -> None:
        obj.add()

    def delete_model(self, request: HttpRequest, obj: MedicalHistory) -> None:
        obj.remove()
