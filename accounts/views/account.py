"""Views of registration, login, logout, profile, password and deletion."""

from datetime import datetime
from typing import Any

from django.contrib.auth import logout
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView, RetrieveUpdateAPIView
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import IgnoreCredentials, sign_in
from accounts.languages import asked_for
from accounts.models import User
from accounts.permissions import MayChangeOwnName
from accounts.requests import SignedInRequest
from accounts.serializers import (
    LoginSerializer,
    PasswordChangeSerializer,
    PasswordSerializer,
    RegistrationSerializer,
    SessionSerializer,
    UserSerializer,
)
from accounts.throttles import LoginThrottle, PasswordThrottle, RegistrationThrottle


def user_agent(request: Request) -> str:
    """Return the User-Agent of the client, or ""."""
    return request.headers.get("User-Agent", "")


def session_response(
    user: User, token: tuple[str, datetime], status_code: int = status.HTTP_200_OK
) -> Response:
    """Return a response with the user, the new token and the instant (UTC) of its expiry."""
    session = {"user": user, "token": token[0], "expiry": token[1]}
    return Response(SessionSerializer(session).data, status=status_code)


class RegisterView(GenericAPIView[User]):
    """Make an account and sign in to it."""

    authentication_classes = (IgnoreCredentials,)
    permission_classes = (AllowAny,)
    throttle_classes = (RegistrationThrottle,)
    serializer_class = RegistrationSerializer

    @extend_schema(responses={201: SessionSerializer}, operation_id="auth_register")
    def post(self, request: Request) -> Response:
        """Make an account and sign in to it.

        Its mails are in the language that the header Accept-Language asks for.
        """
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        user = serializer.save(language=asked_for(request))
        return session_response(
            user, user.issue_token(user_agent(request)), status.HTTP_201_CREATED
        )


class LoginView(GenericAPIView[User]):
    """Exchange an address and its password for a token."""

    authentication_classes = (IgnoreCredentials,)
    permission_classes = (AllowAny,)
    throttle_classes = (LoginThrottle,)
    serializer_class = LoginSerializer
    problems = {"post": (401,)}

    @extend_schema(responses=SessionSerializer, operation_id="auth_login")
    def post(self, request: Request) -> Response:
        """Exchange an address and its password for a token.

        The owner gets a mail about a device whose User-Agent the account does not know, if the
        address is verified. Passwords are compared in Unicode's NFC.
        """
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        user = sign_in(request, **serializer.validated_data)
        return session_response(user, user.issue_token(user_agent(request)))


class LogoutView(APIView):
    """End this token at once; a session of the browsable API ends with it."""

    @extend_schema(request=None, responses={204: None}, operation_id="auth_logout")
    def post(self, request: Request) -> Response:
        """End this token at once."""
        if request.auth:
            request.auth.delete()
        else:
            logout(request._request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ProfileView(RetrieveUpdateAPIView[User]):
    """The caller's own account. Administrators change the names of staff and doctors: 403."""

    permission_classes = (IsAuthenticated, MayChangeOwnName)
    serializer_class = UserSerializer

    def get_object(self) -> Any:
        return self.request.user


class ChangePasswordView(GenericAPIView[User]):
    """Change the password; earlier tokens end at once, and the answer holds a new one."""

    throttle_classes = (PasswordThrottle,)
    serializer_class = PasswordChangeSerializer

    @extend_schema(responses=SessionSerializer, operation_id="auth_change_password")
    def post(self, request: SignedInRequest) -> Response:
        """Change the password; earlier tokens end at once, and the answer holds a new one.

        The owner gets a mail that says so, if the address is verified.
        """
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        passwords = (given["old_password"], given["new_password"])
        return session_response(
            request.user, request.user.change_password(*passwords, user_agent(request))
        )


class DeleteAccountView(GenericAPIView[User]):
    """Erase the caller and their dependents, and delete the account."""

    throttle_classes = (PasswordThrottle,)
    serializer_class = PasswordSerializer

    @extend_schema(responses={204: None}, operation_id="auth_delete_account")
    def post(self, request: SignedInRequest) -> Response:
        """Erase the caller and their dependents, as DELETE profile/ does; delete the account."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        request.user.close(serializer.validated_data["password"])
        return Response(status=status.HTTP_204_NO_CONTENT)
