"""Receivers of Django's signals; each only calls one method."""

from typing import Any

from django.contrib.auth import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.models import User


@receiver(user_logged_in)
def note_sign_in(user: User, request: HttpRequest | None = None, **_: Any) -> None:
    """Mail the owner about a device unknown so far, by whichever login it came."""
    user.note_sign_in(request.headers.get("User-Agent", "") if request else "")
