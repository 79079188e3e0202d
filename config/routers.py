"""Which database a table lives in."""

from typing import Any

LIMITS = "limits"
CACHE = "django_cache"  # the app label of the model behind Django's DatabaseCache


class LimitsRouter:
    """Sends the cache table of the rate limits to a database of its own, and nothing else there.

    A demo on SQLite has one writer: counting a call must not wait for a booking, nor a booking
    for the count.
    """

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return LIMITS if model._meta.app_label == CACHE else None

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return self.db_for_read(model)

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        """Keep every real app off `limits`, and the cache table off every other database."""
        if app_label == CACHE or db == LIMITS:
            return app_label == CACHE and db == LIMITS
        return None
