"""Abstract models: rows that several people change at once, and rows that never change."""

from typing import Any

from django.db import models


class PartialUpdateModel(models.Model):
    """A row of which two people may change different columns at once; neither change is lost."""

    class Meta:
        abstract = True

    def revise(self, **changes: Any) -> None:
        """Write these columns and no other; raises DoesNotExist if the row is deleted."""
        rows = type(self)._default_manager.filter(pk=self.pk)
        if changes and not rows.update(**changes):
            raise type(self).DoesNotExist
        for name, value in changes.items():
            setattr(self, name, value)


class InsertOnlyModel(models.Model):
    """A row that is inserted once and never saved again."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert the row; raises TypeError for one that is stored already."""
        if self.pk:
            raise TypeError(f"A stored {self._meta.verbose_name} is never changed.")
        super().save(*args, **kwargs)
