"""Accounts, their devices, mail and second factor, and the audit trail."""

from accounts.audit.models import AuditEvent
from accounts.models.device import Device, KnownDevice
from accounts.models.mail import MailKind, OutgoingMail, delete_old_mail, send_due
from accounts.models.second_factor import SecondFactor
from accounts.models.user import User, UserManager

__all__ = [
    "AuditEvent",
    "Device",
    "KnownDevice",
    "MailKind",
    "OutgoingMail",
    "SecondFactor",
    "User",
    "UserManager",
    "delete_old_mail",
    "send_due",
]
