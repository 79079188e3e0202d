"""What a type checker may rely on behind `IsAuthenticated`."""

from typing import TYPE_CHECKING, cast

from django.http import HttpRequest
from rest_framework.request import Request

from accounts.models import User

if TYPE_CHECKING:

    class SignedInRequest(Request):
        """A request whose user is one of ours."""

        user: User

else:
    SignedInRequest = Request


def signed_in_user(request: HttpRequest) -> User:
    """Return the user of a page that only signed-in people reach."""
    return cast(User, request.user)
