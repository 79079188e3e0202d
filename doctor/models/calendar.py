"""Rows that others are made from: changed under a lock, and saved by `publish` alone."""

from typing import Any

from django.db import models, transaction


class CalendarModel(models.Model):
    """A row whose change has consequences that `publish` draws in the same transaction."""

    class Meta:
        abstract = True

    def publish(self) -> None:
        """Save the row and what follows from it."""
        raise NotImplementedError

    def lock_calendar(self, **changes: Any) -> None:
        """Lock what these changes will touch, until the transaction ends."""
        raise NotImplementedError

    def revise(self, **changes: Any) -> None:
        """Change these fields of the row as it now is, and publish it; raises as `publish` does.

        It is read anew under the lock, so that two who change different fields both succeed.
        Raises DoesNotExist where the row is gone.
        """
        with transaction.atomic():
            self.lock_calendar(**changes)
            self.refresh_from_db()
            for name, value in changes.items():
                setattr(self, name, value)
            self.publish()
