"""Which medical histories a doctor may read: those of the patients whom the doctor treats."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from appointment.models.appointment import Appointment
from appointment.models.event import Status
from extensions.db.fields import MAX_KEY
from patient.models import Patient

AFTERCARE = timedelta(days=30)


def treatments_by(user: Any, at: datetime) -> QuerySet[Appointment]:
    """The appointments by which an active doctor treats patients at the instant.

    Scheduled or completed ones that are to come, under way, or ended within 30 days: a patient who
    canceled or did not come is not treated.
    """
    return Appointment.objects.filter(
        doctor__user=user,
        doctor__is_active=True,
        status__in=(Status.SCHEDULED, Status.COMPLETED),
        ends_at__gt=at - AFTERCARE,
    )


def patients_readable_by(user: Any, at: datetime) -> QuerySet[Patient]:
    """Patients whose medical history the user may read at the instant.

    The user's own profile and dependents and, for a doctor, the patients under treatment.
    """
    treated = treatments_by(user, at).filter(patient=OuterRef("pk"))
    return Patient.objects.filter(Q(user=user) | Q(Exists(treated)))


def readable_patient(pk: int, user: Any, at: datetime) -> Patient:
    """The patient with this key, whose medical history the user may read at the instant.

    Raises Patient.DoesNotExist for any other patient, as for one who does not exist.
    """
    readable = patients_readable_by(user, at)
    return (readable if 0 <= pk <= MAX_KEY else readable.none()).get(pk=pk)
