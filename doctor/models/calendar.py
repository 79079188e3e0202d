"""The base of models that are saved by `publish` only, because slots depend on their rows."""

from typing import Any

from django.db import models, transaction


class CalendarModel(models.Model):
    """Base of doctors, locations, sessions, weekly hours and leave, on which slots depend."""

    class Meta:
        abstract = True

    def publish(self) -> None:
        """Save the row and update the slots that depend on it."""
        raise NotImplementedError

    def lock_calendar(self, **changes: Any) -> None:
        """Lock the locations and doctors of the row and of these changes.

        The locks last until the transaction ends. `changes`: new values by field, as in `revise`.
        """
        raise NotImplementedError

    def revise(self, **changes: Any) -> None:
        """Change these fields of the stored row and publish it; raises as `publish` does.

        The row is read again under the lock, so two people can change different fields at once
        without losing either change. Raises DoesNotExist if the row is gone.
        """
        with transaction.atomic():
            self.lock_calendar(**changes)
            self.refresh_from_db()
            for name, value in changes.items():
                setattr(self, name, value)
            self.publish()
