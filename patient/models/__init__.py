"""Patients, their medical history, and emergency access to it."""

from patient.models.dates import validate_past_date
from patient.models.emergency import EmergencyAccess
from patient.models.history import MedicalHistory, MedicalHistoryQuerySet
from patient.models.patient import MAX_DEPENDENTS, Patient, PatientQuerySet, last_name_is
from patient.models.word import PatientWord

__all__ = [
    "MAX_DEPENDENTS",
    "EmergencyAccess",
    "MedicalHistory",
    "MedicalHistoryQuerySet",
    "Patient",
    "PatientQuerySet",
    "PatientWord",
    "last_name_is",
    "validate_past_date",
]
