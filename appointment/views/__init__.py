"""API views that need appointments, whatever their path."""

from appointment.views.access_log import AccessLogView
from appointment.views.appointments import AppointmentViewSet
from appointment.views.booking import BookView, CancelView, RescheduleView
from appointment.views.calendars import CalendarFeedViewSet, FeedFileView, VisitCalendarView
from appointment.views.day import AgendaView, CheckInView, CompleteView, NoShowView, UndoView
from appointment.views.export import ExportView
from appointment.views.medical_history import MedicalHistoryViewSet
from appointment.views.notifications import NotificationsView
from appointment.views.rebooking import (
    RebookingCancelView,
    RebookingKeepView,
    RebookingMoveView,
    RebookingView,
)
from appointment.views.slots import AvailableSlotsView
from appointment.views.time_off import TimeOffViewSet
from appointment.views.waitlist import AcceptView, DeclineView, WaitlistViewSet
from appointment.views.webhooks import (
    RotateSecretView,
    TestWebhookView,
    WebhookDeliveriesView,
    WebhookViewSet,
)

__all__ = [
    "AcceptView",
    "AccessLogView",
    "AgendaView",
    "AppointmentViewSet",
    "AvailableSlotsView",
    "BookView",
    "CalendarFeedViewSet",
    "CancelView",
    "CheckInView",
    "CompleteView",
    "DeclineView",
    "ExportView",
    "FeedFileView",
    "MedicalHistoryViewSet",
    "NoShowView",
    "NotificationsView",
    "RebookingCancelView",
    "RebookingKeepView",
    "RebookingMoveView",
    "RebookingView",
    "RescheduleView",
    "RotateSecretView",
    "TestWebhookView",
    "TimeOffViewSet",
    "UndoView",
    "VisitCalendarView",
    "WaitlistViewSet",
    "WebhookDeliveriesView",
    "WebhookViewSet",
]
