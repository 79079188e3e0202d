"""API tokens and passwords: how a caller is authenticated."""

import re
from datetime import datetime
from typing import Any

from django.contrib.auth import authenticate, user_logged_in
from django.contrib.auth.backends import ModelBackend
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
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
from accounts.models.device import USE_RECORDED_AFTER
from extensions.db.compiled import compiled
from extensions.rest.query import refuse_repeated
from extensions.rest.throttling import count_call

TOKEN = re.compile(rb"[0-9a-f]{64,128}")


@compiled
def token_of(digest: str, now: datetime) -> QuerySet[AuthToken]:
    """Return the valid token with this digest, its primary key, with its user and its device."""
    valid = AuthToken.objects.filter(digest=digest, expiry__gt=now, user__is_active=True)
    return valid.select_related("user", "device")


class TokenAuthentication(auth.TokenAuthentication):
    """`Authorization: Token <token>`, looked up by its digest in one query.

    A token expires 14 days after its last use, and 90 days after the login. knox itself answers 500
    to a token that is not hexadecimal, deletes expired tokens on a read, and fails when a refresh
    meets a logout. Here a malformed token is 401, and the refresh is a filtered UPDATE that finds
    no row after a logout.

    It stands first among the authentication classes of a view, so it counts the call, before REST
    framework checks any permission; then it refuses a query parameter that is given twice.
    """

    def authenticate(self, request: Request) -> tuple[User, AuthToken] | None:
        """Return the user and the token, or None without a token.

        Counts the call as the user's, the session's user's or the address's; raises Throttled over
        the limit. A call with a token counts toward limits of the view too: see `count_call`. A
        wrong token raises AuthenticationFailed, and ApiMiddleware counts it. A query parameter that
        is given twice raises ValidationError.
        """
        found: tuple[User, AuthToken] | None = super().authenticate(request)
        of_session = getattr(request._request, "user", None)
        if found:
            count_call(request._request, found[0], request.parser_context.get("view"))
        else:
            count_call(request._request, of_session)
        refuse_repeated(request._request)
        return found

    def authenticate_credentials(self, token: bytes) -> tuple[User, AuthToken]:
        """Return the user and the token; raises the same AuthenticationFailed for every reason."""
        now = timezone.now()
        known = bool(TOKEN.fullmatch(token)) and token_of(hash_token(token.decode()), now)
        if not known:
            raise AuthenticationFailed(gettext("Invalid token."))
        [found] = known
        self.renew_token(found)
        return found.user, found

    def renew_token(self, auth_token: AuthToken) -> None:
        """Record the use, at most hourly, and move the expiry to 14 days from now.

        The expiry is never later than 90 days after the login.
        """
        now = timezone.now()
        device = getattr(auth_token, "device", None)
        if now - (device.last_used_at if device else auth_token.created) > USE_RECORDED_AFTER:
            oldest = auth_token.created + knox_settings.AUTO_REFRESH_MAX_TTL
            as_read = AuthToken.objects.filter(pk=auth_token.pk, expiry=auth_token.expiry)
            with transaction.atomic():
                Device.objects.record_use(auth_token, now)
                as_read.update(expiry=min(now + knox_settings.TOKEN_TTL, oldest))


class PasswordBackend(ModelBackend):
    """Django's ModelBackend, with a second check of the lock-out after the password.

    Guesses at the same moment all pass the first check before any of them is counted. With the
    second check at most ten of them learn whether their password is right.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Return the user with this address and password; None if wrong or locked out.

        An unknown address costs as many hashes as a known one.
        """
        if password is None:
            return None
        email = fold_email(username or kwargs.get(User.USERNAME_FIELD) or "")
        user = User.objects.filter(email=email).first() or User()
        if not user.check_password(password) or not self.user_can_authenticate(user):
            return None
        return None if request and is_locked_out(request, email) else user


class IgnoreCredentials(BaseAuthentication):
    """Treats every caller as anonymous, whatever credentials they send, and counts the call.

    Refuses a repeated query parameter, as TokenAuthentication does.
    The WWW-Authenticate header that it defines makes a wrong password 401 rather than 403.
    """

    def authenticate(self, request: Request) -> None:
        count_call(request._request)
        refuse_repeated(request._request)

    def authenticate_header(self, request: Request) -> str:
        return "Token"


def sign_in(request: Request, email: str, password: str) -> User:
    """Check the password, send `user_logged_in` and return the user.

    Raises Throttled if the account is locked out from the client's IP address, and
    AuthenticationFailed if the address or the password is wrong.
    """
    email = fold_email(email)
    refuse_locked_out(request._request, email)
    # django-axes sets attributes on Django's request, which REST framework's request wraps.
    user = authenticate(request._request, username=email, password=password)
    with transaction.atomic():
        # Locked, since Django writes last_login while another call may delete the account.
        if user is None or User.objects.lock(user.pk) is None:
            raise AuthenticationFailed(gettext("Wrong e-mail address or password."))
        user_logged_in.send(sender=User, request=request._request, user=user)
    return user


class TokenScheme(OpenApiAuthenticationExtension):
    """Describes the token in the OpenAPI document."""

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
    """Describes the views with IgnoreCredentials in the OpenAPI document: as public."""

    target_class = IgnoreCredentials
    name: list[str] = []

    def get_security_requirement(self, auto_schema: object) -> list[Any]:
        return []

    def get_security_definition(self, auto_schema: object) -> list[Any]:
        return []
