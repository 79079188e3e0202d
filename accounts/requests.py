"""Types for requests of signed-in users: mypy then knows that `request.user` is a User."""

from typing import TYPE_CHECKING, cast

from django.http import HttpRequest
from rest_framework.request import Request

from accounts.models import User

if TYPE_CHECKING:

    class SignedInRequest(Request):
        """A request of a view that only signed-in users reach."""

        user: User

else:
    SignedInRequest = Request


def signed_in_user(request: HttpRequest) -> User:
    """Return `request.user`, typed as a User, on a page that only signed-in users reach."""
    return cast(User, request.user)
