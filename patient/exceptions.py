"""What a patient's record refuses."""

from extensions.exceptions import DomainError


class ProfileExists(DomainError):
    code = "profile_exists"
    message = "You have a profile already; change that one."
