"""Domain errors of patients."""

from extensions.exceptions import DomainError


class ProfileExists(DomainError):
    """The user already has a profile that is not a dependent's."""

    code = "profile_exists"
    message = "You have a profile already; change that one."
