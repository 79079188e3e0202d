"""Free slots across doctors."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from doctor.models.slot import shown
from doctor.pagination import Page
from doctor.serializers import FoundSlotsSerializer, SearchSerializer


class SlotSearchView(APIView):
    """Free slots across doctors, soonest first."""

    is_public = True
    problems = {"get": (400,)}
    permission_classes = (AllowAny,)

    @extend_schema(
        parameters=[SearchSerializer],
        responses=FoundSlotsSerializer,
        operation_id="doctor_slots_search",
    )
    def get(self, request: Request) -> Response:
        """Free slots across doctors, soonest first.

        Follow `next` for more: no slot comes twice and none is skipped while others book.
        """
        asked = SearchSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        at = timezone.now()
        slots = asked.search().slots(at).listed(at, "doctor")
        page = Page.of(slots, asked.validated_data["cursor"], asked.validated_data["page_size"])
        return Response({**page.links(request), "results": [shown(**row) for row in page.rows]})
