"""Opaque bearer tokens: hashed at rest, expiring when idle and in any case after 90 days."""

import re
from typing import Any

from django.contrib.auth import authenticate, user_logged_in
from django.contrib.auth.backends import ModelBackend
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox import auth
from knox.crypto import hash_token
from knox.models import AuthToken
from knox.settings import knox_settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.fields import fold_email
from accounts.login_limits import is_locked_out, refuse_locked_out
from accounts.models import Device, User
from accounts.models.device import NOTED_AFTER

TOKEN = re.compile(rb"[0-9a-f]{64,128}")


class TokenAuthentication(auth.TokenAuthentication):
    """`Authorization: Token <token>`, looked up by its digest in one query.

    knox itself answers 500 to a token that is not hexadecimal, deletes other tokens on a read, and
    fails when a refresh meets a logout; here a malformed token is 401 like any wrong one, and the
    refresh is a filtered update that a logout simply empties.
    """

    def authenticate_credentials(self, token: bytes) -> tuple[User, AuthToken]:
        """The user and their token. Raises AuthenticationFailed, the same for every reason."""
        now = timezone.now()
        found = TOKEN.fullmatch(token) and (
            AuthToken.objects.select_related("user", "device")
            .filter(digest=hash_token(token.decode()), expiry__gt=now, user__is_active=True)
            .first()
        )
        if not found:
            raise AuthenticationFailed("Invalid token.")
        self.renew_token(found)
        return found.user, found

    def renew_token(self, auth_token: AuthToken) -> None:
        """Note the use, at most hourly: the expiry is 14 days on, and never past 90 days of age."""
        now = timezone.now()
        device = getattr(auth_token, "device", None)
        if now - (device.last_used_at if device else auth_token.created) > NOTED_AFTER:
            oldest = auth_token.created + knox_settings.AUTO_REFRESH_MAX_TTL
            as_read = AuthToken.objects.filter(pk=auth_token.pk, expiry=auth_token.expiry)
            with transaction.atomic():
                Device.objects.note_use(auth_token, now)
                as_read.update(expiry=min(now + knox_settings.TOKEN_TTL, oldest))


class PasswordBackend(ModelBackend):
    """Django's, which takes as long for an unknown address as for a known one.

    Of guesses at the very same moment all are let in before the first is counted. So the count is
    looked at once more, after the password: no more than ten are ever told from wrong.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """The user with this address and password; None for anybody else, and who is locked out."""
        user = super().authenticate(request, username, password, **kwargs)
        locked = user and request and is_locked_out(request, fold_email(username or ""))
        return None if locked else user


class IgnoreCredentials(BaseAuthentication):
    """Take every caller for anonymous, whatever they send, and still answer 401 rather than 403."""

    def authenticate(self, request: Request) -> None:
        return None

    def authenticate_header(self, request: Request) -> str:
        return "Token"


def sign_in(request: Request, email: str, password: str) -> User:
    """The user with this address and password.

    Raises Throttled for an account locked out from this address, AuthenticationFailed else.
    """
    email = fold_email(email)
    refuse_locked_out(request._request, email)
    # django-axes keeps its notes on Django's own request, which DRF's only wraps.
    user = authenticate(request._request, username=email, password=password)
    with transaction.atomic():
        # Locked, since Django notes the login on the account, which somebody may be deleting.
        if user is None or User.objects.lock(user.pk) is None:
            raise AuthenticationFailed("Wrong e-mail address or password.")
        user_logged_in.send(sender=User, request=request._request, user=user)
    return user


class TokenScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document describes the token."""

    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token <token>`, as `login/` and `register/` answer it.",
        }


class NoScheme(OpenApiAuthenticationExtension):
    """Views that ignore credentials describe no scheme of their own."""

    target_class = IgnoreCredentials
    name: list[str] = []

    def get_security_requirement(self, auto_schema: object) -> list[Any]:
        return []

    def get_security_definition(self, auto_schema: object) -> list[Any]:
        return []
