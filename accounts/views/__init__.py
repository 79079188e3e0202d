"""Views of accounts: registration, login, profile, devices and mailed tokens."""

from accounts.views.account import (
    ChangePasswordView,
    DeleteAccountView,
    LoginView,
    LogoutView,
    ProfileView,
    RegisterView,
)
from accounts.views.devices import DeviceViewSet, LogoutAllView
from accounts.views.mail import (
    PasswordResetConfirmView,
    PasswordResetView,
    VerifyEmailView,
)

__all__ = [
    "ChangePasswordView",
    "DeleteAccountView",
    "DeviceViewSet",
    "LoginView",
    "LogoutAllView",
    "LogoutView",
    "PasswordResetConfirmView",
    "PasswordResetView",
    "ProfileView",
    "RegisterView",
    "VerifyEmailView",
]
