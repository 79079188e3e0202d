"""Accounts, their devices, mail and second factor, and the audit trail."""

from accounts.audit.models import AuditEvent
from accounts.messages import MailKind
from accounts.models.device import Device, KnownDevice
from accounts.models.message import OutgoingMessage, delete_old_mail, send_due
from accounts.models.second_factor import SecondFactor
from accounts.models.user import User, UserManager

__all__ = [
    "AuditEvent",
    "Device",
    "KnownDevice",
    "MailKind",
    "OutgoingMessage",
    "SecondFactor",
    "User",
    "UserManager",
    "delete_old_mail",
    "send_due",
]
