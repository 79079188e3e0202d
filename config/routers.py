"""The database routers: of a demo's rate limits, and of a standby."""

from typing import Any

from django.db import DEFAULT_DB_ALIAS

from extensions.db.replica import REPLICA, alias_for_read

LIMITS = "limits"
CACHE = "django_cache"  # the app label of the model behind Django's DatabaseCache
PUBLIC_APP = "doctor"  # the label of the app whose tables anybody may read


class LimitsRouter:
    """Keep the cache table of the rate limits, and nothing else, in the database `limits`.

    SQLite has one writer: counting a call must not wait for a booking, nor a booking for counting.
    """

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return LIMITS if model._meta.app_label == CACHE else None

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return self.db_for_read(model)

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        """Allow the cache table on `limits` only, and every app on the other databases only."""
        if app_label == CACHE or db == LIMITS:
            return app_label == CACHE and db == LIMITS
        return None


class ReplicaRouter:
    """Let a public read use the standby for the tables of `doctor`; all else uses the primary.

    It names the primary rather than leave it to Django, which would write a row, and follow its
    relations, where the row was read.
    """

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return alias_for_read() if model._meta.app_label == PUBLIC_APP else DEFAULT_DB_ALIAS

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        """Allow it: both databases have the same rows."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        """Migrate the primary alone; the standby follows."""
        return False if db == REPLICA else None
