"""Patients who register at the API or are entered by staff, and the rows of each."""

from dataclasses import dataclass
from itertools import count
from typing import Any

from accounts.models import User
from patient.models import MedicalHistory, Patient
from tests.admin_client import AdminClient, page
from tests.stateful.clients import ApiClient

PASSWORD = "correct horse battery"
NUMBERS = count()


@dataclass(frozen=True)
class Person:
    """A patient; `pk` is the key of the record, `user` the key of the account, if there is one."""

    pk: int
    user: int | None = None
    token: str = ""


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


def enroll(admin_client: AdminClient) -> Person:
    """Enter a patient without an account at the admin."""
    path, last_name = page(Patient, "add"), f"Ruiz {next(NUMBERS)}"
    form = admin_client.open(path)
    admin_client.send(path, form, first_name="Eva", last_name=last_name)
    return Person(Patient.objects.get(first_name="Eva", last_name=last_name).pk)


def other_rows(person: Person) -> list[list[dict[str, Any]]]:
    """Return accounts, profiles and histories of all others, which this person never changes."""
    return [
        list(User.objects.exclude(pk=person.user).order_by("pk").values()),
        list(Patient.objects.exclude(pk=person.pk).order_by("pk").values()),
        list(MedicalHistory.objects.exclude(patient=person.pk).order_by("pk").values()),
    ]
