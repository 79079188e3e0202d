from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Settings, the table of contents, the start page: what belongs to no app of the clinic."""

    name = "config"

    def ready(self) -> None:
        from config import checks  # noqa: F401  (importing it registers its checks)
