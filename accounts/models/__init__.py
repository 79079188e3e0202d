"""People who sign in, what was read and changed, and what every app may build upon."""

from accounts.models.audit import AuditEvent
from accounts.models.revisable import Revisable
from accounts.models.second_factor import SecondFactor
from accounts.models.user import User, UserManager

__all__ = ["AuditEvent", "Revisable", "SecondFactor", "User", "UserManager"]
