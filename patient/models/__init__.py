"""Patients, their medical history, emergency access to it, merged records and claim codes."""

from patient.models.claim import ClaimCode
from patient.models.dates import validate_past_date
from patient.models.emergency import EmergencyAccess
from patient.models.history import MedicalHistory, MedicalHistoryQuerySet
from patient.models.merging import MergedPatient
from patient.models.names import last_name_is
from patient.models.patient import MAX_DEPENDENTS, Patient, PatientQuerySet
from patient.models.word import PatientWord

__all__ = [
    "MAX_DEPENDENTS",
    "ClaimCode",
    "EmergencyAccess",
    "MedicalHistory",
    "MedicalHistoryQuerySet",
    "MergedPatient",
    "Patient",
    "PatientQuerySet",
    "PatientWord",
    "last_name_is",
    "validate_past_date",
]
