"""The second factor of the admin's users: an authenticator app (TOTP, RFC 6238) and recovery codes.

django-otp stores the keys and codes, computes them, refuses a used code, and doubles the wait after
each wrong one. This module holds what users may do with their own.
"""

import re
from base64 import b32encode
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from django_otp.plugins.otp_static.lib import add_static_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models.user import User
from extensions.exceptions import DomainError

APP, RECOVERY = gettext_noop("Authenticator app"), gettext_noop("Recovery codes")  # stored
CODE_OF_APP = re.compile(r"[0-9]{6}")
RECOVERY_CODE = re.compile(r"[a-z0-9]{1,16}")
RECOVERY_CODES = 10


class WrongCode(DomainError):
    """The code is wrong or used, or came too soon after a wrong one."""

    code = "wrong_code"
    message = _("This code is wrong or was used before. After a wrong code, wait a moment.")


@dataclass(frozen=True)
class SecondFactor:
    """One user's authenticator app and recovery codes, which django-otp stores as devices."""

    user: User

    @property
    def app(self) -> TOTPDevice | None:
        """The confirmed app, if there is one."""
        return TOTPDevice.objects.filter(user=self.user, confirmed=True).first()

    @property
    def pending(self) -> TOTPDevice | None:
        """The app that waits for its first code, if there is one."""
        return TOTPDevice.objects.filter(user=self.user, confirmed=False).first()

    @property
    def codes_left(self) -> int:
        """The number of unused recovery codes."""
        return StaticToken.objects.filter(device__user=self.user, device__confirmed=True).count()

    def verify(self, typed: str) -> TOTPDevice | StaticDevice | None:
        """Check a code and mark it as used; return its django-otp device, or None if it is wrong.

        Six digits are a code of the app, anything else is a recovery code. After a wrong code
        django-otp refuses codes of that kind, and no others, for a while.
        """
        code = re.sub(r"[\s-]", "", typed).lower()
        with transaction.atomic():
            device = self._device_for(code)
            return device if device and device.verify_token(code) else None

    def begin(self, code: str = "") -> TOTPDevice:
        """Create an unconfirmed app, which `confirm` activates.

        A user who already has an app must give a valid code: raises WrongCode.
        """
        if self.app:
            self.require(code)
        with transaction.atomic():
            User.objects.lock(self.user.pk)
            TOTPDevice.objects.filter(user=self.user, confirmed=False).delete()
            return TOTPDevice.objects.create(user=self.user, name=APP, confirmed=False)

    def confirm(self, code: str) -> list[str]:
        """Activate the new app in place of an earlier one; return new recovery codes.

        Raises WrongCode for a wrong code, which changes nothing but the count of attempts.
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
        """Replace all recovery codes; return the new ones. Raises WrongCode."""
        self.require(code)
        with transaction.atomic():
            User.objects.lock(self.user.pk)
            return self._fresh_codes()

    def remove(self, code: str) -> None:
        """Delete the app and the recovery codes; sessions verified by them are verified no more.

        Raises WrongCode.
        """
        self.require(code)
        with transaction.atomic():
            User.objects.lock(self.user.pk)
            TOTPDevice.objects.filter(user=self.user).delete()
            StaticDevice.objects.filter(user=self.user).delete()

    def give_code(self) -> str:
        """Add a recovery code and return it, for the first login or after the loss of a phone."""
        return str(add_static_token(self.user.email).token)

    def require(self, code: str) -> None:
        """Check a code as `verify` does; raise WrongCode if it is wrong."""
        if not self.verify(code):
            raise WrongCode

    def _device_for(self, code: str) -> Any:
        """Lock and return the user's device for codes of this form; None if there is none.

        The lock lets only one of two simultaneous uses of a code succeed.
        """
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
    """Return the app's secret key in base32, in groups of four characters for typing it in."""
    return " ".join(re.findall("....", b32encode(device.bin_key).decode()))
