"""The second factor of those who open the admin: an authenticator app, and recovery codes.

The library (django-otp) holds keys and codes, computes, refuses a code that was used, and makes
whoever types wrong ones wait twice as long each time. Here stands what a person may do with theirs.
"""

import re
from base64 import b32encode
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django_otp.plugins.otp_static.lib import add_static_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models.user import User
from extensions.exceptions import DomainError

APP, RECOVERY = "Authenticator app", "Recovery codes"
CODE_OF_APP = re.compile(r"[0-9]{6}")
RECOVERY_CODE = re.compile(r"[a-z0-9]{1,16}")
RECOVERY_CODES = 10


class WrongCode(DomainError):
    """The code is wrong, was used before, or came too soon after a wrong one."""

    code = "wrong_code"
    message = "That code does not serve. Each serves once; after a wrong one, wait a moment."


@dataclass(frozen=True)
class SecondFactor:
    """The second factor of one person."""

    user: User

    @property
    def app(self) -> TOTPDevice | None:
        """The app that serves, if they have one."""
        return TOTPDevice.objects.filter(user=self.user, confirmed=True).first()

    @property
    def pending(self) -> TOTPDevice | None:
        """The app that serves once its first code was typed."""
        return TOTPDevice.objects.filter(user=self.user, confirmed=False).first()

    @property
    def codes_left(self) -> int:
        """How many recovery codes are not used yet."""
        return StaticToken.objects.filter(device__user=self.user, device__confirmed=True).count()

    def verify(self, typed: str) -> TOTPDevice | StaticDevice | None:
        """What the code proves, the code being used up by it; None for a wrong one.

        Six digits are the app's, all else is a recovery code: a wrong one slows down only the
        device that it was meant for.
        """
        code = re.sub(r"[\s-]", "", typed).lower()
        with transaction.atomic():
            device = self._device_for(code)
            return device if device and device.verify_token(code) else None

    def begin(self, code: str = "") -> TOTPDevice:
        """Make a key for an app that serves after `confirm`; who has one types a code first."""
        if self.app:
            self.require(code)
        with transaction.atomic():
            User.objects.lock(self.user.pk)
            TOTPDevice.objects.filter(user=self.user, confirmed=False).delete()
            return TOTPDevice.objects.create(user=self.user, name=APP, confirmed=False)

    def confirm(self, code: str) -> list[str]:
        """Have the new app serve, instead of an earlier one; returns fresh recovery codes.

        Raises WrongCode where it shows another code; then only the count of tries has changed.
        """
        with transaction.atomic():
            User.objects.lock(self.user.pk)
            pending = self.pending
            proven = pending is not None and pending.verify_token(code.replace(" ", ""))
            if pending and proven:
                TOTPDevice.objects.filter(user=self.user).exclude(pk=pending.pk).delete()
                TOTPDevice.objects.filter(pk=pending.pk).update(confirmed=True)
                return self._fresh_codes()
        raise WrongCode

    def renew_codes(self, code: str) -> list[str]:
        """Replace all recovery codes; returns the new ones, which cannot be shown again."""
        self.require(code)
        with transaction.atomic():
            User.objects.lock(self.user.pk)
            return self._fresh_codes()

    def remove(self, code: str) -> None:
        """Forget app and recovery codes; sessions that they proved are proven no longer."""
        self.require(code)
        with transaction.atomic():
            User.objects.lock(self.user.pk)
            TOTPDevice.objects.filter(user=self.user).delete()
            StaticDevice.objects.filter(user=self.user).delete()

    def give_code(self) -> str:
        """A code that signs them in once, for their first sign-in or after a lost phone."""
        return str(add_static_token(self.user.email).token)

    def require(self, code: str) -> None:
        """Raise WrongCode unless the code is right; the try counts, whatever comes of it."""
        if not self.verify(code):
            raise WrongCode

    def _device_for(self, code: str) -> Any:
        """Their device that gives codes of this shape, locked: of two uses at once one wins."""
        kinds: tuple[tuple[re.Pattern[str], Any], ...] = (
            (CODE_OF_APP, TOTPDevice),
            (RECOVERY_CODE, StaticDevice),
        )
        kind = next((model for shape, model in kinds if shape.fullmatch(code)), None)
        mine = kind and kind.objects.filter(user=self.user, confirmed=True).order_by("pk")
        return mine.select_for_update(no_key=True).first() if mine else None

    def _fresh_codes(self) -> list[str]:
        device, _ = StaticDevice.objects.get_or_create(user=self.user, defaults={"name": RECOVERY})
        StaticToken.objects.filter(device__user=self.user).delete()
        codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
        StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
        return codes


def key_in_groups(device: TOTPDevice) -> str:
    """The key as one types it into an app: base32, in groups of four."""
    return " ".join(re.findall("....", b32encode(device.bin_key).decode()))
