"""Fields that refer to a doctor or a location as staff of a site may name it."""

from typing import Any

from rest_framework import serializers
from rest_framework.relations import PrimaryKeyRelatedField

from extensions.rest.fields import KEY


class SiteKeyField(PrimaryKeyRelatedField[Any]):
    """The primary key of a row at the sites of the caller; any other row looks absent.

    `scope`: the method of the queryset that takes the caller.
    """

    def __init__(self, *, scope: str = "at_sites_of", **options: Any) -> None:
        self.scope = scope
        super().__init__(pk_field=serializers.IntegerField(**KEY), **options)

    def get_queryset(self) -> Any:
        """Return the rows that the caller may name; all without a caller, as for the document."""
        rows, request = super().get_queryset(), self.context.get("request")
        user = getattr(request, "user", None)
        return rows if user is None else getattr(rows, self.scope)(user)
