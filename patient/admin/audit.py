"""The admin of the audit trail, whose events of one patient include those of merged records.

The admin belongs to `accounts`; which records were merged is known here.
"""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.audit.admin import AuditEventAdmin
from accounts.models import AuditEvent
from extensions.admin.forms import valid_keys
from patient.models import MergedPatient

ONE, SEVERAL = "patient_id__exact", "patient_id__in"


class MergedAuditEventAdmin(AuditEventAdmin):
    """Audit events; a link or search by a patient's number also finds the merged records."""

    link_filters = (ONE, SEVERAL)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Replace the number of a patient in the URL by the numbers of all merged records."""
        [*keys] = valid_keys(request.GET.getlist(ONE))
        same = MergedPatient.objects.keys_of(int(keys[0])) if len(keys) == 1 else []
        if len(same) > 1:
            query = request.GET.copy()
            del query[ONE]
            query[SEVERAL] = ",".join(map(str, same))
            request.GET = query
        return super().get_changelist_instance(request)

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
