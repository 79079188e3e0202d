"""Which patients staff of a site may see: those who have something at their sites."""

from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from appointment.models.acting import named
from appointment.models.appointment import Appointment
from appointment.models.waitlist import WaitlistEntry
from patient.models import Patient

MOST_LATEST = 1000  # visits at the sites of staff, whose patients a list without a search has


def has_something_at_sites_of(user: Any, patient: str = "pk") -> Q:
    """Return the condition that a patient has something at the sites of this member of staff.

    That is a visit there, whatever its time and status, or a place in line for a doctor who works
    there. Who waits for a specialty waits for any site: the waitlist shows the entry, and that
    opens neither the record nor the history. `patient`: the path from a row to the key of its
    patient. Every row, if not restricted.
    """
    if user.sites is None:
        return Q()
    visits = Appointment.objects.at_sites_of(user).filter(patient=OuterRef(patient))
    entries = WaitlistEntry.objects.for_a_doctor_of(user).filter(patient=OuterRef(patient))
    return Q(Exists(visits)) | Q(Exists(entries))


def latest_patients_of(user: Any) -> list[int]:
    """Return the keys of the patients with one of the latest visits at the sites of the user.

    And of those who wait for a doctor there; MOST_LATEST of each. Among a million patients no index
    tells which have something at a site.
    """
    visits = Appointment.objects.at_sites_of(user).filter(patient__isnull=False)
    latest = visits.order_by("-date", "starts_at", "pk").values_list("patient", flat=True)
    waiting = WaitlistEntry.objects.for_a_doctor_of(user).order_by("pk")
    entries = waiting.values_list("patient", flat=True)
    return list(dict.fromkeys([*latest[:MOST_LATEST], *entries[:MOST_LATEST]]))


def patients_for_staff(
    user: Any, last_name: str | None = None, date_of_birth: date | None = None
) -> QuerySet[Patient]:
    """Return the patients whom this member of staff may book for; all, if not restricted.

    Those with something at their sites and, where both a last name and a birth date are given, the
    patients of exactly that name (folded) and date. None for staff without a site.
    """
    found = has_something_at_sites_of(user)
    if user.sites and last_name and date_of_birth:
        found |= named(last_name, date_of_birth)
    return Patient.objects.filter(found)
