"""The export of all data on the caller."""

from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.views import APIView

from accounts.requests import SignedInRequest
from appointment.export import MEMORY_LIMIT, Export, write_to_spooled_file
from appointment.serializers.export import ExportSerializer
from patient.models import Patient

FILE_NAME = "clinic-export.json"
HEADERS = {
    "Content-Disposition": f'attachment; filename="{FILE_NAME}"',
    "Cache-Control": "no-store",
}


class ExportView(APIView):
    """Export all data on the caller and the caller's dependents."""

    audited_model = Patient

    @extend_schema(responses=ExportSerializer, operation_id="patient_export")
    def get(self, request: SignedInRequest) -> HttpResponseBase:
        """Return all data on the caller and the caller's dependents, as one JSON file."""
        file = write_to_spooled_file(Export.for_account(request.user))
        text = file.read(MEMORY_LIMIT)
        if len(text) < MEMORY_LIMIT:
            return HttpResponse(text, content_type="application/json", headers=HEADERS)
        file.seek(0)
        return FileResponse(file, content_type="application/json", headers=HEADERS)
