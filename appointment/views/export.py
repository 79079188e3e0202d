"""Everything held on the caller, to take home."""

from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.views import APIView

from accounts.requests import SignedInRequest
from appointment.export import IN_MEMORY, Export, spooled
from appointment.serializers.export import ExportSerializer
from patient.models import Patient

NAME = "clinic-export.json"
HEADERS = {"Content-Disposition": f'attachment; filename="{NAME}"', "Cache-Control": "no-store"}


class ExportView(APIView):
    """Everything held on the caller and their dependents, as one JSON file."""

    audited_model = Patient

    @extend_schema(responses=ExportSerializer, operation_id="patient_export")
    def get(self, request: SignedInRequest) -> HttpResponseBase:
        """Everything held on the caller and their dependents, as one JSON file to keep."""
        file = spooled(Export.of_account(request.user))
        text = file.read(IN_MEMORY)
        if len(text) < IN_MEMORY:
            return HttpResponse(text, content_type="application/json", headers=HEADERS)
        file.seek(0)
        return FileResponse(file, content_type="application/json", headers=HEADERS)
