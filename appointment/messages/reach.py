"""The account to which messages about a patient go, its channels, and its language."""

from datetime import datetime
from functools import cached_property
from typing import Any

from accounts.languages import first_supported
from accounts.messages import EMAIL, ENDED, MISSING, NO_ACCOUNT, SMS, Unreachable
from accounts.models import Device, NotificationChoice
from patient.models import Patient


class Reach:
    """How the account that books for the patient is reached at an instant.

    It is the account that the record has now: a record that was claimed or merged since may have
    had another one when the message was queued.
    """

    def __init__(self, patient: Patient, at: datetime) -> None:
        """Raise Unreachable for a patient without an account, or whose account was ended."""
        self.patient, self.at = patient, at
        if patient.user is None:
            raise Unreachable(NO_ACCOUNT)
        if not patient.user.is_active:
            raise Unreachable(ENDED)
        self.user: Any = patient.user

    def channels(self, kind: str) -> tuple[str, ...]:
        """Return the channels that the account has chosen for this kind and that reach it.

        Empty if it has turned the kind off. Raises Unreachable if none that it has chosen does.
        """
        wanted = NotificationChoice.objects.channels_of(self.user, kind)
        found = tuple(channel for channel in wanted if self._targets(channel))
        if wanted and not found:
            raise Unreachable(", ".join(MISSING[channel] for channel in wanted))
        return found

    def targets(self, channel: str) -> tuple[str, ...]:
        """Return the address, the number, or the tokens of the devices; raises Unreachable."""
        found = self._targets(channel)
        if not found:
            raise Unreachable(MISSING[channel])
        return found

    @property
    def language(self) -> str:
        """The patient's preferred language, else the account's, else that of the clinic.

        For a dependent without one, that of the account's own profile comes before the account's.
        """
        preferred = [self.patient.preferred_language]
        if self.patient.is_dependent and self._own:
            preferred.append(self._own.preferred_language)
        return first_supported(*preferred, self.user.language)

    def _targets(self, channel: str) -> tuple[str, ...]:
        if channel == EMAIL:
            return (self.user.email,) if self.user.has_verified_email else ()
        if channel == SMS:
            return (self._phone,) if self._phone else ()
        return self._devices

    @property
    def _phone(self) -> str:
        """The number of the account's own profile (E.164), for its dependents too."""
        return str(self._own.phone_number) if self._own and self._own.phone_number else ""

    @cached_property
    def _own(self) -> Patient | None:
        return Patient.objects.own_of(self.user).first()

    @cached_property
    def _devices(self) -> tuple[str, ...]:
        return Device.objects.push_tokens(self.user, self.at)
