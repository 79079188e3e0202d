"""When a process that runs the background jobs was last seen at work."""

from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

BEATS_EVERY = timedelta(seconds=10)


class WorkerHeartbeatQuerySet(models.QuerySet["WorkerHeartbeat"]):
    """Writes and reads when a process of the background jobs last worked."""

    def beat(self, at: datetime) -> None:
        """Note that a process of the jobs is at work at the instant `at`."""
        self.bulk_create(
            [self.model(pk=1, at=at)],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["at"],
        )

    def last_beat(self) -> datetime | None:
        """Return when a process last worked; None if none ever has."""
        return self.values_list("at", flat=True).first()


class WorkerHeartbeat(models.Model):
    """The one row, which every process updates: the instant at which any of them last worked."""

    at = models.DateTimeField()

    objects = WorkerHeartbeatQuerySet.as_manager()

    class Meta:
        verbose_name = _("worker's heartbeat")
        verbose_name_plural = _("worker's heartbeats")

    def __str__(self) -> str:
        return f"Heartbeat of {self.at}"
