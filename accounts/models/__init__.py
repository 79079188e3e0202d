"""People who sign in, what is told to them and of them, and what every app may build upon."""

from accounts.audit.models import AuditEvent
from accounts.models.device import Device
from accounts.models.mail import Kind, OutgoingMail, forget_mail, send_due
from accounts.models.second_factor import SecondFactor
from accounts.models.user import User, UserManager

__all__ = [
    "AuditEvent",
    "Device",
    "Kind",
    "OutgoingMail",
    "SecondFactor",
    "User",
    "UserManager",
    "forget_mail",
    "send_due",
]
