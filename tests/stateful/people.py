"""Patients who register at the API, and the rows of each."""

from dataclasses import dataclass
from itertools import count
from typing import Any

from accounts.models import User
from patient.models import MedicalHistory, Patient
from tests.stateful.clients import ApiClient

PASSWORD = "correct horse battery"
NUMBERS = count()


@dataclass(frozen=True)
class Person:
    """A patient; `pk` is the key of the profile, `user` the key of the account."""

    pk: int
    user: int
    token: str


def register(api: ApiClient) -> Person:
    """Make an account, a profile and an entry of the medical history, all through the API."""
    names = {"first_name": "Ana", "last_name": f"Ruiz {next(NUMBERS)}"}
    email = f"machine{names['last_name'][5:]}@example.com"
    status, made = api(
        "POST", "auth/register/", "", {"email": email, "password": PASSWORD, **names}
    )
    assert status == 201, made
    token = made["token"]
    status, profile = api("POST", "patient/profile/", token, names)
    assert status == 201, profile
    entry = {"kind": "allergy", "description": f"Pollen, of {names['last_name']}"}
    status, answer = api("POST", "patient/medical-history/", token, entry)
    assert status == 201, answer
    return Person(profile["id"], made["user"]["id"], token)


def other_rows(person: Person) -> list[list[dict[str, Any]]]:
    """Return accounts, profiles and histories of all others, which this person never changes."""
    return [
        list(User.objects.exclude(pk=person.user).order_by("pk").values()),
        list(Patient.objects.exclude(pk=person.pk).order_by("pk").values()),
        list(MedicalHistory.objects.exclude(patient=person.pk).order_by("pk").values()),
    ]
