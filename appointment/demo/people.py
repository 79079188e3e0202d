"""The demo's accounts, doctors and patients. One transaction creates them, once."""

from dataclasses import asdict
from datetime import date, timedelta
from random import Random

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from appointment.demo.directory import (
    DOCTORS,
    LANGUAGES,
    LICENSE_PREFIX,
    LOCATIONS,
    SPECIALTIES,
    DemoDoctor,
)
from appointment.demo.logins import ADMIN, DOCTOR, PASSWORD, PATIENT, RECEPTION, Login
from doctor.models import Doctor, Language, Location, Specialty
from patient.models import MedicalHistory, Patient

PATIENTS = 60
DEPENDENTS = {58: date(2016, 4, 2), 59: date(2020, 9, 14)}  # birth dates, by patient number
FIRST_NAMES = (  # noqa: SIM905  (forty quoted names are no better to read)
    "Lucía Mateo Sofía Hugo Amira Youssef Emma Liam Olivia Noah "
    "Claire Louis Anna Jonas Larissa Rafael Mia Ethan Ava Daniel"
).split()
LAST_NAMES = (  # noqa: SIM905
    "Romero Ortega Vidal Castro Prieto Campos Mansour Haddou Walker Turner Reed Hayes Morgan "
    "Brooks Foster Dubois Moreau Lefèvre Weber Schäfer Braun Almeida Barbosa Teixeira Serrano "
    "Gallego Parker Collins Murphy Sanders"
).split()
HISTORY = (
    ("allergy", "Penicillin", "active"),
    ("condition", "High blood pressure", "active"),
    ("medication", "Enalapril 10 mg, mornings", "active"),
    ("immunization", "Influenza", "active"),
    ("surgery", "Appendectomy", "resolved"),
    ("condition", "Migraine", "resolved"),
)

Names = tuple[str, str]
NO_LOGIN_DOMAIN = "@patients.example.com"  # addresses of accounts without a password


def exist() -> bool:
    """Return whether a demo doctor exists.

    If so, `create` is not called again, so that deletions and changes by staff stay.
    """
    return Doctor.objects.filter(license_number__startswith=LICENSE_PREFIX).exists()


@transaction.atomic
def create() -> None:
    """Create all accounts, doctors and patients; an account that exists is left unchanged."""
    _account(ADMIN, "Alex", "Rivera", is_staff=True, is_superuser=True)
    reception = _account(RECEPTION, "Robin", "Ferrer", is_staff=True)
    reception.groups.add(*Group.objects.filter(name="Reception"))
    doctor = _account(DOCTOR, DOCTORS[0].first_name, DOCTORS[0].last_name)
    doctor.groups.add(*Group.objects.filter(name="Doctor"))
    _create_directory()
    _create_doctors(doctor)
    own = _account(PATIENT, *_names(0))
    for number in range(PATIENTS):
        _create_patient(number, own)


def patients_by_number() -> dict[int, Patient]:
    """Return the demo's patients that still exist; number 0 has the login PATIENT."""
    numbers = {_names(number): number for number in range(PATIENTS)}
    accounts = (
        Q(user=None) | Q(user__email=PATIENT.email) | Q(user__email__endswith=NO_LOGIN_DOMAIN)
    )
    found = Patient.objects.filter(accounts).select_related("user").order_by("-pk")
    named = {numbers.get((patient.first_name, patient.last_name)): patient for patient in found}
    return {number: patient for number, patient in named.items() if number is not None}


def _names(number: int) -> Names:
    """Return the first and last name of a patient; no two patients share both."""
    return FIRST_NAMES[number % len(FIRST_NAMES)], LAST_NAMES[number % len(LAST_NAMES)]


def _account(login: Login, first_name: str, last_name: str, **rights: bool) -> User:
    """Return the account with this address; create it if there is none."""
    found: User | None = User.objects.filter(email=login.email).first()
    known = {"first_name": first_name, "last_name": last_name, "email_verified_at": timezone.now()}
    return found or User.objects.create_user(login.email, PASSWORD, **known, **rights)


def _create_directory() -> None:
    for location in LOCATIONS:
        stored = Location.objects.filter(name=location.name).first()
        if stored is None:
            Location(**asdict(location)).publish()
        elif stored.country is None:  # of demo data that is older than the column
            stored.revise(country=location.country, subdivision=location.subdivision)
    for name, (code, description) in SPECIALTIES.items():
        defaults = {"code": code, "description": description}
        Specialty.objects.get_or_create(name=name, defaults=defaults)
    for tag, name in LANGUAGES.items():
        Language.objects.get_or_create(tag=tag, defaults={"name": name})


def _create_doctors(account: User) -> None:
    """Create the doctors; link the account to the first, unless it has a doctor already."""
    free = not Doctor.objects.filter(user=account).exists()
    for each in DOCTORS:
        doctor = _doctor(each)
        doctor.user = account if free and each is DOCTORS[0] else None
        doctor.publish()
        doctor.specialties.set(Specialty.objects.filter(name__in=each.specialties))
        doctor.languages.set(Language.objects.filter(tag__in=each.languages))


def _doctor(data: DemoDoctor) -> Doctor:
    return Doctor(
        license_number=data.license_number,
        title=data.title,
        first_name=data.first_name,
        last_name=data.last_name,
        bio=data.bio,
    )


def _create_patient(number: int, own: User) -> None:
    """Create one patient: number 0 and two dependents belong to the account `own`.

    Half of the others have an account that cannot sign in.
    """
    patient = _patient(number)
    if number == 0:
        patient.user = own
    elif number in DEPENDENTS:
        patient.user, patient.is_dependent = own, True
        patient.date_of_birth = DEPENDENTS[number]
    elif number % 2:
        patient.user = User.objects.create_user(
            f"{number}{NO_LOGIN_DOMAIN}",
            None,
            first_name=patient.first_name,
            last_name=patient.last_name,
            email_verified_at=timezone.now(),  # else the account has three visits ahead at most
        )
    if number == 0 and Patient.objects.own_of(own).exists():
        return
    patient.enroll()
    if patient.user:
        _add_history(patient.user, 3 if number == 0 else number % 3, patient.pk)


def _patient(number: int) -> Patient:
    first_name, last_name = _names(number)
    rng = Random(f"patient {number}")  # noqa: S311  # nosec B311  # the same in each demo
    return Patient(
        first_name=first_name,
        last_name=last_name,
        date_of_birth=date(1940, 1, 1) + timedelta(days=rng.randrange(365 * 70)),
        sex=Patient.Sex.MALE if number % 2 else Patient.Sex.FEMALE,
        # 555-0100 to 555-0199 are reserved for fiction; phonenumbers accepts no other such range.
        phone_number=f"+12125550{101 + number}",
        address=f"{1 + rng.randrange(200)} Sample Street",
        preferred_language=rng.choice(list(LANGUAGES)),
        emergency_contact_name=f"{rng.choice(FIRST_NAMES)} {last_name}",
        emergency_contact_phone=f"+16465550{101 + number}",
    )


def _add_history(user: User, count: int, patient: int | None = None) -> None:
    for kind, description, status in HISTORY[:count]:
        MedicalHistory(kind=kind, description=description, status=status).add_own(user, patient)
