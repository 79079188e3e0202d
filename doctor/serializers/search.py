"""Serializers of the search for free slots across doctors."""

from typing import Any

from django.utils.translation import gettext
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.fields import empty

from doctor.models.search import SlotSearch
from doctor.pagination import Cursor
from doctor.serializers.calendar import FOUND_SLOT, SlotSerializer
from extensions.rest.filters import MAX_PAGE_SIZE, PAGE_SIZE, positive_integer
from extensions.rest.serializers import Serializer

NEXT = "https://clinic.example/api/doctor/slots/?cursor=MTc5NjExMjAwMDAwMDAwMHw0NzExfG4"


class TextField(serializers.Field[Any, Any, Any, Any]):
    """A query parameter as the client sent it. REST framework would take an empty one as absent."""

    def get_value(self, dictionary: Any) -> Any:
        return dictionary.get(self.field_name, empty)


@extend_schema_field({"type": "integer", "minimum": 1, "default": PAGE_SIZE})
class PageSizeField(TextField):
    """Rows a page; a larger number counts as the maximum."""

    def to_internal_value(self, data: str) -> int:
        return min(positive_integer(data), MAX_PAGE_SIZE)


@extend_schema_field(OpenApiTypes.STR)
class CursorField(TextField):
    """The start of a page, from a link of another page."""

    def to_internal_value(self, data: str) -> Cursor:
        try:
            return Cursor.read(data)
        except ValueError as error:
            raise serializers.ValidationError(gettext("Use a link of another page.")) from error


class SearchSerializer(Serializer):
    """The criteria of a search; one that is left out matches anything."""

    specialty = serializers.IntegerField(required=False, help_text="Id of a specialty.")
    language = serializers.IntegerField(required=False, help_text="Id of a language.")
    doctor = serializers.IntegerField(required=False, help_text="Id of a doctor.")
    location = serializers.IntegerField(required=False, help_text="Id of a location.")
    to = serializers.DateField(required=False, help_text="Last date at the location.")
    page_size = PageSizeField(default=PAGE_SIZE, help_text=f"Rows a page, at most {MAX_PAGE_SIZE}.")
    cursor = CursorField(
        default=None, help_text="Start of the page, from `next` or `previous` of another page."
    )

    def get_fields(self) -> dict[str, Any]:
        first = serializers.DateField(required=False, help_text="First date; by default now.")
        return {"from": first, **super().get_fields()}  # `from` is a Python keyword

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "from" in attrs and "to" in attrs and attrs["to"] < attrs["from"]:
            raise serializers.ValidationError({"to": gettext("The last date is before the first.")})
        return attrs

    def search(self) -> SlotSearch:
        """Return the search with these criteria."""
        data = self.validated_data
        keys = {name: data.get(name) for name in ("specialty", "language", "doctor", "location")}
        return SlotSearch(**keys, first=data.get("from"), last=data.get("to"))


class FoundSlotSerializer(SlotSerializer):
    """A free slot with its doctor."""  # for the OpenAPI document only

    doctor = serializers.IntegerField(help_text="Id of the doctor.")


@extend_schema_serializer(
    many=False,
    examples=[
        OpenApiExample(
            "The soonest free slots",
            {"next": NEXT, "previous": None, "results": [FOUND_SLOT]},
        )
    ],
)
class FoundSlotsSerializer(serializers.Serializer[Any]):
    """A page of free slots."""  # for the OpenAPI document only

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = FoundSlotSerializer(many=True)
