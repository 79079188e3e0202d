"""Receivers of the signals of accounts, doctor and patient; each calls one verb.

Django runs them in the order of this file: waitlist entries are locked before appointments.
"""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from accounts.models import User
from accounts.signals import account_ended, logins_ended
from appointment.models import Appointment, CalendarFeed, Offer
from appointment.models.erasure import anonymize_for, end_for_deceased
from appointment.models.merging import merge_into
from doctor.signals import slots_changed, slots_closing
from patient.models import Patient
from patient.signals import patient_deceased, patient_erasing, patients_merging


@receiver(slots_closing)
def withdraw_offers(slots: set[int], at: datetime, **kwargs: Any) -> None:
    """Withdraw the offers of slots that are about to close, be deleted or lose places."""
    Offer.objects.withdraw(slots, at)


@receiver(slots_changed)
def offer_places(slots: set[int], at: datetime, **kwargs: Any) -> None:
    """Offer the free places of these slots to the waitlist."""
    Offer.objects.offer_places_by_key(slots, at)


@receiver(slots_changed)
def flag_visits(slots: set[int], new: set[int], at: datetime, **kwargs: Any) -> None:
    """Put the visits that cannot take place on the work list, and take the others off it.

    New slots are left out: they have no visit yet.
    """
    Appointment.objects.update_rebooking_flags(slots - new, at)


@receiver(account_ended)
def withdraw_offers_of_accounts(users: set[int], at: datetime, **kwargs: Any) -> None:
    """Offer to others what was offered to the people of accounts that have ended."""
    Offer.objects.withdraw_from_accounts(users, at)


@receiver(logins_ended)
def end_feeds(user: int, **kwargs: Any) -> None:
    """Delete the calendar feeds of an account whose logins have all ended."""
    CalendarFeed.objects.filter(user=user).delete()


@receiver(patient_erasing)
def end_feeds_of_erased(patients: list[Patient], **kwargs: Any) -> None:
    """Delete the calendar feeds of the patients."""
    CalendarFeed.objects.end_for_erased(patients)


@receiver(patient_erasing)
def anonymize_visits(
    patients: list[Patient], by: User | None, at: datetime, keep_deadlines: bool, **kwargs: Any
) -> None:
    """Cancel the coming visits of the patients, take their names off past ones, delete entries."""
    anonymize_for(patients, by, at, keep_deadlines=keep_deadlines)


@receiver(patients_merging)
def merge_visits(
    patient: Patient, other: Patient, by: User | None, at: datetime, **kwargs: Any
) -> None:
    """Move the visits, waitlist entries and stored answers of `other` to `patient`."""
    merge_into(patient, other, by, at)


@receiver(patient_deceased)
def end_visits(patient: Patient, by: User | None, at: datetime, **kwargs: Any) -> None:
    """Cancel the coming visits of the patient, and end the waitlist entries."""
    end_for_deceased(patient, by, at)
