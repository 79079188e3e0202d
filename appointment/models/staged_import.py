"""A file to import, kept between its check and the user's confirmation."""

import zlib
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User

KEPT_FOR = timedelta(hours=1)


class StagedImportQuerySet(models.QuerySet["StagedImport"]):
    """Files that wait for the confirmation of the user who sent them."""

    def stage(self, user: User, kind: str, data: bytes, at: datetime | None = None) -> Any:
        """Keep the file, in place of the user's last one; return the row."""
        at = at or timezone.now()
        self.filter(user=user).delete()
        return self.create(user=user, kind=kind, content=zlib.compress(data), created_at=at)

    def claim(self, user: User, pk: int | None, at: datetime | None = None) -> "StagedImport":
        """Return the user's file and delete the row, so that one confirmation has it.

        Raises DoesNotExist for a file that is confirmed, expired, replaced or of another user.
        """
        kept = self.filter(user=user, pk=pk).exclude(pk__in=self.expired(at).values("pk"))
        row = kept.get()
        if not self.filter(pk=row.pk).delete()[0]:
            raise self.model.DoesNotExist
        return row

    def expired(self, at: datetime | None = None) -> "StagedImportQuerySet":
        """Return the files that were sent an hour ago or earlier."""
        return self.filter(created_at__lte=(at or timezone.now()) - KEPT_FOR)

    def delete_expired(self, at: datetime) -> int:
        """Delete the files that no user has confirmed; return how many."""
        deleted: int = self.expired(at).delete()[0]
        return deleted


class StagedImport(models.Model):
    """A file that a user has sent and not yet confirmed: of one user, for an hour."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20, help_text=_("What the file has, such as patients."))
    content = models.BinaryField(help_text=_("The file, compressed."))
    created_at = models.DateTimeField(default=timezone.now)

    objects = StagedImportQuerySet.as_manager()

    class Meta:
        default_permissions = ()  # no page shows these rows

    def __str__(self) -> str:
        return f"File {self.pk} to import"

    @property
    def data(self) -> bytes:
        """The file as it was sent."""
        return zlib.decompress(bytes(self.content))
