"""The people whom the desk must call, since no message about their visit has reached them."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from accounts.models.message import OutgoingMessage, OutgoingMessageQuerySet
from appointment.messages.history import CHANGES, OFFER, REMINDER
from appointment.models import Appointment, AppointmentEvent, Offer
from appointment.models.lifecycle import PATIENT_ASKED

Kind = AppointmentEvent.Kind


def not_told(at: datetime) -> OutgoingMessageQuerySet:
    """Return the dead messages that are still true: about visits to come, and open offers.

    One a fact. Leaves out what the patient did or asked staff to cancel, patients who have checked
    in, and bookings: a patient who books knows of it. Includes reminders. Narrow it by
    `at_sites_of` or `location`.
    """
    visits = Appointment.objects.filter(
        pk=OuterRef("object_id"), starts_at__gt=at, checked_in_at=None
    )
    events = AppointmentEvent.objects.filter(appointment=OuterRef("object_id"))
    over = CHANGES | Q(kind__in=(Kind.COMPLETED, Kind.NO_SHOW))
    later = events.filter(over, pk__gt=OuterRef("cause"))
    asked = Q(kind=Kind.CANCELED, detail__startswith=PATIENT_ASKED)
    known = events.filter(Q(by=AppointmentEvent.Role.PATIENT) | Q(kind=Kind.BOOKED) | asked)
    knew = Exists(known.filter(pk=OuterRef("cause"))) & ~Q(kind=REMINDER)
    is_offer = Q(kind=OFFER) & Exists(Offer.objects.acceptable(at).filter(pk=OuterRef("object_id")))
    is_visit = ~Q(kind=OFFER) & Exists(visits) & ~Exists(later) & ~knew
    return OutgoingMessage.objects.not_reached("visit", "offer").filter(is_offer | is_visit)
