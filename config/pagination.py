"""Pages of a list, counted and sized the same everywhere."""

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

from extensions.rest.filters import MAX_PAGE_SIZE, PAGE_SIZE, positive_integer


def numbered(text: str, name: str) -> int:
    """A positive whole number; raises ValidationError on the query parameter for anything else."""
    try:
        return positive_integer(text)
    except ValidationError as error:
        raise ValidationError({name: error.detail}) from error


class Pages(PageNumberPagination):
    """`?page=` and `?page_size=`: 20 rows a page unless asked, at most 100."""

    page_size = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size = MAX_PAGE_SIZE

    def get_page_size(self, request: Request) -> int:
        """The rows a page; raises ValidationError for what is no positive number."""
        size = request.query_params.get("page_size")
        return self.page_size if size is None else min(numbered(size, "page_size"), MAX_PAGE_SIZE)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """As OpenAPI 3.1 says that a link may be null."""
        described: dict[str, Any] = super().get_paginated_response_schema(schema)
        described["required"] = list(described["properties"])
        for name in ("next", "previous"):
            described["properties"][name].pop("nullable")
            described["properties"][name]["type"] = ["string", "null"]
        return described

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Both count from one."""
        described: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for parameter in described:
            parameter["schema"]["minimum"] = 1
        return described

    def get_page_number(self, request: Request, paginator: Any) -> int:
        """The page asked for; raises ValidationError for what is no positive number."""
        return numbered(request.query_params.get("page", "1"), "page")
