"""The people who are seen, and what is known of their health."""

from patient.models.dates import validate_past_date
from patient.models.emergency import EmergencyAccess
from patient.models.history import MedicalHistory, MedicalHistoryQuerySet
from patient.models.patient import MOST_DEPENDENTS, Patient, PatientQuerySet

__all__ = [
    "MOST_DEPENDENTS",
    "EmergencyAccess",
    "MedicalHistory",
    "MedicalHistoryQuerySet",
    "Patient",
    "PatientQuerySet",
    "validate_past_date",
]
