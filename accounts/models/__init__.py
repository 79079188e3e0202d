"""People who sign in, and what every app may build upon."""

from accounts.models.revisable import Revisable
from accounts.models.user import User, UserManager

__all__ = ["Revisable", "User", "UserManager"]
