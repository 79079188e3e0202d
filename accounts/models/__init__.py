"""Accounts, their devices, mail and second factor, and the audit trail."""

from accounts.audit.models import AuditEvent
from accounts.messages import MailKind
from accounts.models.device import Device, KnownDevice
from accounts.models.message import OutgoingMessage
from accounts.models.notification_choice import NotificationChoice
from accounts.models.second_factor import SecondFactor
from accounts.models.user import User, UserManager

__all__ = [
    "AuditEvent",
    "Device",
    "KnownDevice",
    "MailKind",
    "NotificationChoice",
    "OutgoingMessage",
    "SecondFactor",
    "User",
    "UserManager",
]
