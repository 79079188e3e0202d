"""What a type checker may rely on behind `IsAuthenticated`."""

from typing import TYPE_CHECKING

from rest_framework.request import Request

from accounts.models import User

if TYPE_CHECKING:

    class SignedInRequest(Request):
        """A request whose user is one of ours."""

        user: User

else:
    SignedInRequest = Request
