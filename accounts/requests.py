"""Requests of signed-in users, with the type of their user."""

from typing import TYPE_CHECKING, cast

from django.http import HttpRequest
from rest_framework.request import Request

from accounts.models import User

if TYPE_CHECKING:

    class SignedInRequest(Request):
        """A request behind `IsAuthenticated`."""

        user: User

else:
    SignedInRequest = Request


def signed_in_user(request: HttpRequest) -> User:
    """Return the user of a page that only signed-in users reach."""
    return cast(User, request.user)
