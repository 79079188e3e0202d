"""The search for free slots across doctors."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from doctor.models.slot import serialize_slot_row
from doctor.pagination import Page
from doctor.serializers import FoundSlotsSerializer, SearchSerializer
from extensions.rest.query import validated_query


class SlotSearchView(APIView):
    """Free slots across doctors, soonest first."""

    is_public = True
    permission_classes = (AllowAny,)

    @extend_schema(
        parameters=[SearchSerializer],
        responses=FoundSlotsSerializer,
        operation_id="doctor_slots_search",
    )
    def get(self, request: Request) -> Response:
        """List free slots across doctors, soonest first.

        Follow `next` for the next page. While other patients book, no slot appears twice and no
        free slot is skipped.
        """
        query = validated_query(SearchSerializer, request)
        cursor, size = (query.validated_data[name] for name in ("cursor", "page_size"))
        page = Page.of(query.search(), timezone.now(), cursor, size)
        results = [serialize_slot_row(**row) for row in page.rows]
        return Response({**page.links(request), "results": results})
