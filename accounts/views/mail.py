"""Views that send and accept mailed tokens: to verify an address, to reset a password."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import IgnoreCredentials
from accounts.models import MailKind, OutgoingMessage, User
from accounts.requests import SignedInRequest
from accounts.serializers import (
    DetailSerializer,
    NewPasswordSerializer,
    PasswordResetSerializer,
    VerificationSerializer,
)
from accounts.throttles import MailThrottle
from accounts.views.account import user_agent

MAIL_QUEUED = "If an account needs this mail, it is on its way."


def detail_response(sentence: str, status_code: int = status.HTTP_200_OK) -> Response:
    """Return a response with one sentence, as `detail`."""
    return Response({"detail": sentence}, status_code)


class VerifyEmailView(GenericAPIView[User]):
    """Verify an address by the token mailed to it, or ask for that mail again."""

    permission_classes = (AllowAny,)
    login_is_optional = True
    throttle_classes = (MailThrottle,)
    serializer_class = VerificationSerializer

    @extend_schema(
        operation_id="auth_verify_email",
        responses={
            200: DetailSerializer,
            202: OpenApiResponse(DetailSerializer, "The mail is queued again."),
        },
    )
    def post(self, request: SignedInRequest) -> Response:
        """Verify an address by the token mailed to it; with a login and no token, mail it again.

        Verifying ends every API token and every session that began before, since somebody else may
        have registered with the address: sign in again.
        """
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        if token := serializer.validated_data.get("token"):
            User.objects.verify_email(token, user_agent(request))
            return detail_response("The address is verified.")
        request.user.send_verification_mail()
        return detail_response(MAIL_QUEUED, status.HTTP_202_ACCEPTED)


class PasswordResetView(GenericAPIView[User]):
    """Ask for the mail to reset a password; the answer is the same for an unknown address."""

    authentication_classes = (IgnoreCredentials,)
    permission_classes = (AllowAny,)
    throttle_classes = (MailThrottle,)
    serializer_class = PasswordResetSerializer

    @extend_schema(responses={202: DetailSerializer}, operation_id="auth_password_reset")
    def post(self, request: Request) -> Response:
        """Ask for the mail to reset a password; the answer is the same for an unknown address.

        Calls that repeat each other while the mail waits to be sent lead to one mail. An address
        gets ten such mails an hour at most; the next one follows when the hour allows it.
        """
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        OutgoingMessage.objects.enqueue(MailKind.PASSWORD_RESET, serializer.validated_data["email"])
        return detail_response(MAIL_QUEUED, status.HTTP_202_ACCEPTED)


class PasswordResetConfirmView(GenericAPIView[User]):
    """Set a new password by the mailed token; every API token and session ends."""

    authentication_classes = (IgnoreCredentials,)
    permission_classes = (AllowAny,)
    serializer_class = NewPasswordSerializer

    @extend_schema(responses=DetailSerializer, operation_id="auth_password_reset_confirm")
    def post(self, request: Request) -> Response:
        """Set a new password by the mailed token; every API token and session ends.

        The token proves who reads the mail, so the address is verified by it too.
        """
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given: dict[str, Any] = serializer.validated_data
        User.objects.reset_password(given["token"], given["new_password"], user_agent(request))
        return detail_response(
            "The password is changed, and every device is signed out. Sign in with it."
        )
