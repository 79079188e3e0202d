"""Serializers of appointments, leave, slots and the waitlist."""

from appointment.serializers.access_log import AccessLineSerializer
from appointment.serializers.appointment import (
    BOOKING_BODY,
    AgendaSerializer,
    AppointmentDetailSerializer,
    AppointmentSerializer,
    BookingSerializer,
    CancelationSerializer,
    MoveSerializer,
    UndoSerializer,
)
from appointment.serializers.rebooking import (
    TIME_OFF_BODY,
    AffectedAppointmentSerializer,
    AffectedAppointmentsSerializer,
    KeepSerializer,
    PreviewSerializer,
    RebookingSerializer,
    TimeOffSerializer,
)
from appointment.serializers.slots import ExplainedSlotsSerializer, SlotsQuerySerializer
from appointment.serializers.waitlist import (
    WAITLIST_BODY,
    AcceptSerializer,
    WaitlistEntrySerializer,
    WaitlistJoinSerializer,
)
from appointment.serializers.webhooks import (
    NewWebhookSerializer,
    SecretSerializer,
    WebhookDeliverySerializer,
    WebhookSerializer,
)

__all__ = [
    "BOOKING_BODY",
    "TIME_OFF_BODY",
    "WAITLIST_BODY",
    "AcceptSerializer",
    "AccessLineSerializer",
    "AffectedAppointmentSerializer",
    "AffectedAppointmentsSerializer",
    "AgendaSerializer",
    "AppointmentDetailSerializer",
    "AppointmentSerializer",
    "BookingSerializer",
    "CancelationSerializer",
    "ExplainedSlotsSerializer",
    "KeepSerializer",
    "MoveSerializer",
    "NewWebhookSerializer",
    "PreviewSerializer",
    "RebookingSerializer",
    "SecretSerializer",
    "SlotsQuerySerializer",
    "TimeOffSerializer",
    "UndoSerializer",
    "WaitlistEntrySerializer",
    "WaitlistJoinSerializer",
    "WebhookDeliverySerializer",
    "WebhookSerializer",
]
