"""Pagination of all lists, by page number."""

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

from extensions.rest.filters import MAX_PAGE_SIZE, PAGE_SIZE, positive_integer


def positive_parameter(text: str, name: str) -> int:
    """Parse a positive whole number; raises ValidationError that names the parameter `name`."""
    try:
        return positive_integer(text)
    except ValidationError as error:
        raise ValidationError({name: error.detail}) from error


class StandardPagination(PageNumberPagination):
    """`?page=` and `?page_size=`: 20 rows a page unless asked, at most 100."""

    page_size = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size = MAX_PAGE_SIZE

    def get_page_size(self, request: Request) -> int:
        """Return the size of a page, at most 100; raises ValidationError for anything below one."""
        size = request.query_params.get("page_size")
        return (
            self.page_size
            if size is None
            else min(positive_parameter(size, "page_size"), MAX_PAGE_SIZE)
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe `next` and `previous` as text or null in the way of OpenAPI 3.1."""
        described: dict[str, Any] = super().get_paginated_response_schema(schema)
        described["required"] = list(described["properties"])
        for name in ("next", "previous"):
            described["properties"][name].pop("nullable")
            described["properties"][name]["type"] = ["string", "null"]
        return described

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Add to the schemas of both parameters that their minimum is 1."""
        described: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for parameter in described:
            parameter["schema"]["minimum"] = 1
        return described

    def get_page_number(self, request: Request, paginator: Any) -> int:
        """Return the number of the page; raises ValidationError unless it is one or more."""
        return positive_parameter(request.query_params.get("page", "1"), "page")
