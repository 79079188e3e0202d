"""Appointments and their events, the waitlist and its offers, idempotency keys, and webhooks."""

from appointment.models.appointment import Appointment
from appointment.models.calendar_feed import CalendarFeed
from appointment.models.day_totals import DayTotals, StaleDay, SummedDay
from appointment.models.declined_slot import DeclinedSlot
from appointment.models.event import AppointmentEvent, Status
from appointment.models.idempotency import IdempotencyKey
from appointment.models.offer import Offer, OfferStatus
from appointment.models.proposal import Proposal
from appointment.models.staged_import import StagedImport
from appointment.models.waitlist import WaitlistEntry
from appointment.models.waitlist_status import IN_LINE, WaitlistStatus
from appointment.models.webhook import Webhook
from appointment.models.webhook_delivery import DeliveryState, EventType, WebhookDelivery
from appointment.models.work_list import WorkListItem
from appointment.models.worker_heartbeat import WorkerHeartbeat

__all__ = [
    "IN_LINE",
    "Appointment",
    "AppointmentEvent",
    "CalendarFeed",
    "DayTotals",
    "DeclinedSlot",
    "DeliveryState",
    "EventType",
    "IdempotencyKey",
    "Offer",
    "OfferStatus",
    "Proposal",
    "StagedImport",
    "StaleDay",
    "Status",
    "SummedDay",
    "WaitlistEntry",
    "WaitlistStatus",
    "Webhook",
    "WebhookDelivery",
    "WorkListItem",
    "WorkerHeartbeat",
]
