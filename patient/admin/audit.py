"""The admin of the audit trail, whose events of one patient include those of merged records.

The admin belongs to `accounts`; which records were merged is known here.
"""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.audit.admin import AuditEventAdmin
from accounts.models import AuditEvent
from extensions.admin.forms import valid_keys
from extensions.admin.lists import BoundedChangeList
from patient.models import MergedPatient

PATIENT = "patient_id__exact"


class MergedChangeList(BoundedChangeList):
    """The list of audit events. Filtered by a patient, it has the merged records' events too."""

    def get_filters(self, request: HttpRequest) -> Any:
        """Return Django's filters, with all numbers of the person for the one in the URL."""
        specs, has_filters, params, *rest = super().get_filters(request)
        remaining: dict[str, Any] = params
        keys = valid_keys(remaining.get(PATIENT, []))
        if len(keys) == 1:
            remaining[PATIENT] = MergedPatient.objects.keys_of(int(keys[0]))  # Django joins by OR
        return specs, has_filters, remaining, *rest


class MergedAuditEventAdmin(AuditEventAdmin):
    """Audit events; a link or search by a patient's number also finds the merged records."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return MergedChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent], search_term: str
    ) -> tuple[QuerySet[AuditEvent], bool]:
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        keys = valid_keys([search_term.strip()])
        same = MergedPatient.objects.keys_of(int(keys[0])) if keys else []
        if len(same) > 1:
            found |= queryset.filter(patient_id__in=same)
        return found, may_repeat


admin.site.unregister(AuditEvent)
admin.site.register(AuditEvent, MergedAuditEventAdmin)
