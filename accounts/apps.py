from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People who sign in: the base that every other app may import."""

    name = "accounts"
