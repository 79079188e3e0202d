"""Admin pages of patients, their medical history, and emergency access to it."""

from patient.admin import audit, emergency, patients  # noqa: F401  (importing them registers them)
