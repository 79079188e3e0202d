"""Whether a caller acts as staff or as a patient, and which patients staff may name.

The module imports neither `Appointment` nor `WaitlistEntry`: it reaches them by the relations
`patient.appointments` and `patient.waitlist_entries`.
"""

from datetime import date
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.audit.context import ADMIN, current_context
from patient.models import Patient, last_name_is

ADD_APPOINTMENT = "appointment.add_appointment"
CHANGE_PERMISSION = "appointment.change_appointment"
STAFF_ONLY = _("Only staff with the permission, at their own sites, may set a rule aside.")


def acts_as_staff(
    user: Any,
    permission: str,
    patient: Patient | None,
    override_reason: str | bool = "",
    location: int | None = None,
) -> bool:
    """Return whether the user acts as staff, and not as a patient, in this one call.

    In the API this takes the `permission`, at one of the user's sites, and one of two things: the
    patient is neither the user nor a dependent of the user, or there is an `override_reason` (its
    text, or whether there is one). In the admin staff always act as staff. So does the system,
    which has no user. `location`:
    key of the site of the visit, if there is one. Raises PermissionDenied for an `override_reason`
    of a user who may not act as staff: doctors and patients set no rule aside.
    """
    if user is None or (user.is_staff and current_context().channel == ADMIN):
        return True
    at_own_site = location is None or (user.is_staff and user.works_at(location))
    if user.is_staff and user.is_staff_with(permission) and at_own_site:
        return bool(override_reason) or not is_own(user, patient)
    if override_reason:
        raise PermissionDenied(STAFF_ONLY)
    return False


def is_own(user: Any, patient: Patient | None) -> bool:
    """Return whether the patient is the user's own profile or a dependent of the user."""
    return patient is not None and patient.user_id is not None and patient.user_id == user.pk


def lock_patient_for(
    user: Any,
    patient_id: int | None,
    permission: str,
    override_reason: str | bool = "",
    last_name: str = "",
    date_of_birth: date | None = None,
) -> Patient:
    """Lock and return the patient whom the user names: the account first, then the patient.

    Without a `patient_id` it is the user's own profile, which is made if it is missing. With one,
    it is the user's own profile or dependent or, for staff with the permission, one of the patients
    of `site_patients.patients_for_staff`. Raises Patient.DoesNotExist for any other patient, as for
    one who does not exist, and PermissionDenied as `acts_as_staff`.
    """
    acts_for_others = acts_as_staff(user, permission, None, override_reason)
    if patient_id is None or not acts_for_others:
        return Patient.objects.lock_for(user, patient_id)
    patient = Patient.objects.lock(patient_id)
    if not (is_own(user, patient) or _is_in_reach(user, patient, last_name, date_of_birth)):
        raise Patient.DoesNotExist
    return patient


def _is_in_reach(user: Any, patient: Patient, last_name: str, date_of_birth: date | None) -> bool:
    """Return whether `patients_for_staff` finds this patient, by at most three short queries."""
    if user.sites is None:
        return True
    if user.sites and last_name and date_of_birth:
        found = Patient.objects.filter(named(last_name, date_of_birth))
        if found.filter(pk=patient.pk).exists():
            return True
    visits, entries = patient.appointments, patient.waitlist_entries
    return visits.at_sites_of(user).exists() or entries.for_a_doctor_of(user).exists()


def named(last_name: str, date_of_birth: date) -> Q:
    """Return the condition that a patient has this last name, folded, and birth date."""
    return last_name_is(last_name) & Q(date_of_birth=date_of_birth)
