"""What `manage.py check --deploy` says of this project's own settings."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

LIMITS_ARE_OFF = Warning(
    "THROTTLE=off lifts every rate limit, the one on guessing passwords included.",
    hint="Unset THROTTLE: it is for load tests only.",
    id="config.W001",
)


@register(Tags.security, deploy=True)
def limits_are_on(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn where a server would answer without rate limits."""
    return [] if settings.THROTTLE else [LIMITS_ARE_OFF]
