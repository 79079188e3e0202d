from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Settings, URLs, health and start page: what belongs to no app of the clinic."""

    name = "config"

    def ready(self) -> None:
        from config import checks  # noqa: F401, PLC0415  (Django registers checks in `ready`)
