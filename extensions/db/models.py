"""Models that several people change at once."""

from typing import Any

from django.db import models


class PartialUpdateModel(models.Model):
    """A row of which two people may change different columns at once; neither change is lost."""

    class Meta:
        abstract = True

    def revise(self, **changes: Any) -> None:
        """Write these columns and no other; raises DoesNotExist if the row is deleted."""
        rows = type(self)._base_manager.filter(pk=self.pk)
        if changes and not rows.update(**changes):
            raise type(self).DoesNotExist
        for name, value in changes.items():
            setattr(self, name, value)
