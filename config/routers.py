"""The database router of a demo on SQLite."""

from typing import Any

LIMITS = "limits"
CACHE = "django_cache"  # the app label of the model behind Django's DatabaseCache


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
