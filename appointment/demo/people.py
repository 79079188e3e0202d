"""Everybody in the demo: accounts, doctors, patients. Made once, in one transaction."""

from dataclasses import asdict
from datetime import date, timedelta
from random import Random

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from appointment.demo.logins import ADMIN, DOCTOR, PASSWORD, PATIENT, RECEPTION, Login
from appointment.demo.posts import CLINICS, LANGUAGES, LICENSE, POSTS, SPECIALTIES, Post
from doctor.models import Doctor, Language, Location, Specialty
from patient.models import MedicalHistory, Patient

PATIENTS = 60
CHILDREN = {58: date(2016, 4, 2), 59: date(2020, 9, 14)}  # of the patient with the login
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
ACCOUNTS = "@patients.example.com"  # of patients who cannot sign in


def are_missing() -> bool:
    """Whether nobody has been made yet: one transaction makes all of them or none.

    Who is deleted or renamed later stays so, whatever the number of runs.
    """
    return not Doctor.objects.filter(license_number__startswith=LICENSE).exists()


@transaction.atomic
def make() -> None:
    """Make everybody. An account that exists already is used as it is, password and all."""
    _account(ADMIN, "Alex", "Rivera", is_staff=True, is_superuser=True)
    reception = _account(RECEPTION, "Robin", "Ferrer", is_staff=True)
    reception.groups.add(*Group.objects.filter(name="Reception"))
    _make_directory()
    _make_doctors(_account(DOCTOR, POSTS[0].first_name, POSTS[0].last_name))
    own = _account(PATIENT, *_names(0))
    for number in range(PATIENTS):
        _make_patient(number, own)


def patients() -> dict[int, Patient]:
    """The demo's patients that there still are, by their number; 0 is the one with the login."""
    numbers = {_names(number): number for number in range(PATIENTS)}
    theirs = Q(user=None) | Q(user__email=PATIENT.email) | Q(user__email__endswith=ACCOUNTS)
    found = Patient.objects.filter(theirs).select_related("user").order_by("-pk")
    named = {numbers.get((patient.first_name, patient.last_name)): patient for patient in found}
    return {number: patient for number, patient in named.items() if number is not None}


def _names(number: int) -> Names:
    """First and last name of a patient: no two of them alike."""
    return FIRST_NAMES[number % len(FIRST_NAMES)], LAST_NAMES[number % len(LAST_NAMES)]


def _account(login: Login, first_name: str, last_name: str, **rights: bool) -> User:
    found: User | None = User.objects.filter(email=login.email).first()
    known = {"first_name": first_name, "last_name": last_name, "email_verified_at": timezone.now()}
    return found or User.objects.create_user(login.email, PASSWORD, **known, **rights)


def _make_directory() -> None:
    for clinic in CLINICS:
        if not Location.objects.filter(name=clinic.name).exists():
            Location(**asdict(clinic)).publish()
    for name, (code, description) in SPECIALTIES.items():
        words = {"code": code, "description": description}
        Specialty.objects.get_or_create(name=name, defaults=words)
    for tag, name in LANGUAGES.items():
        Language.objects.get_or_create(tag=tag, defaults={"name": name})


def _make_doctors(account: User) -> None:
    """Make the doctors; the account is the first one's, unless it is a doctor's already."""
    free = not Doctor.objects.filter(user=account).exists()
    for post in POSTS:
        doctor = _doctor(post)
        doctor.user = account if free and post is POSTS[0] else None
        doctor.publish()
        doctor.specialties.set(Specialty.objects.filter(name__in=post.specialties))
        doctor.languages.set(Language.objects.filter(tag__in=post.languages))


def _doctor(post: Post) -> Doctor:
    return Doctor(
        license_number=post.license_number,
        title=post.title,
        first_name=post.first_name,
        last_name=post.last_name,
        bio=post.bio,
    )


def _make_patient(number: int, own: User) -> None:
    """Make one patient: the first with a login and two children that they book for.

    Half of the others have an account of no use.
    """
    patient = _patient(number)
    if number == 0:
        patient.user = own
    elif number in CHILDREN:
        patient.user, patient.is_dependent = own, True
        patient.date_of_birth = CHILDREN[number]
    elif number % 2:
        words = {"first_name": patient.first_name, "last_name": patient.last_name}
        patient.user = User.objects.create_user(f"{number}{ACCOUNTS}", None, **words)
    if number == 0 and Patient.objects.own_of(own).exists():
        return
    patient.enroll()
    if patient.user:
        _add_history(patient.user, 3 if number == 0 else number % 3, patient.pk)


def _patient(number: int) -> Patient:
    first_name, last_name = _names(number)
    chance = Random(f"patient {number}")  # noqa: S311  # nosec B311  # the same everywhere
    return Patient(
        first_name=first_name,
        last_name=last_name,
        date_of_birth=date(1940, 1, 1) + timedelta(days=chance.randrange(365 * 70)),
        sex=Patient.Sex.MALE if number % 2 else Patient.Sex.FEMALE,
        # 555-01xx is set aside for fiction; of such ranges the only one that counts as valid.
        phone_number=f"+12125550{101 + number}",
        address=f"{1 + chance.randrange(200)} Sample Street",
        preferred_language=chance.choice(list(LANGUAGES)),
        emergency_contact_name=f"{chance.choice(FIRST_NAMES)} {last_name}",
        emergency_contact_phone=f"+16465550{101 + number}",
    )


def _add_history(user: User, count: int, patient: int | None = None) -> None:
    for kind, description, status in HISTORY[:count]:
        MedicalHistory(kind=kind, description=description, status=status).add(user, patient)
