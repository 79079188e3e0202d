"""Pages of a list, counted and sized the same everywhere."""

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request


def positive(text: str, name: str) -> int:
    """A positive whole number; raises ValidationError on the query parameter for anything else."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 100 and int(text) > 0):
        raise ValidationError({name: "Use a whole number of one or more."})
    return int(text)


class Pages(PageNumberPagination):
    """`?page=` and `?page_size=`: 20 rows a page unless asked, at most 100."""

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100

    def get_page_size(self, request: Request) -> int:
        """The rows a page; raises ValidationError for what is no positive number."""
        size = request.query_params.get("page_size")
        return self.page_size if size is None else min(positive(size, "page_size"), 100)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """As OpenAPI 3.1 says that a link may be null."""
        described: dict[str, Any] = super().get_paginated_response_schema(schema)
        for name in ("next", "previous"):
            described["properties"][name].pop("nullable")
            described["properties"][name]["type"] = ["string", "null"]
        return described

    def get_page_number(self, request: Request, paginator: Any) -> int:
        """The page asked for; raises ValidationError for what is no positive number."""
        return positive(request.query_params.get("page", "1"), "page")
