"""People choose by which channels each kind of message comes, and where they are reached."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.messages import Unreachable
from accounts.models import Device, NotificationChoice, OutgoingMessage
from accounts.tests.factories import PASSWORD, UserFactory
from appointment.messages.kinds import KINDS
from appointment.tests.factories import AppointmentFactory
from patient.models import Patient
from patient.tests.factories import DependentFactory
from tests.problems import assert_invalid
from tests.threads import run_together

pytestmark = pytest.mark.django_db

PATH = "/api/patient/notifications/"
MAIL = {"email": True, "sms": False, "push": False}
OFF = dict.fromkeys(MAIL, False)
ALL = dict.fromkeys(("booked", "moved", "canceled", "offer", "reminder"), MAIL)


def devices_of(user: Any, *tokens: str) -> None:
    for token in tokens:
        user.issue_token()
        Device.objects.filter(push_token="").latest("pk").register_push_token(token)


# --- The choices ----------------------------------------------------------------------------------


def test_all_come_by_mail_until_the_account_chooses(patient: Patient, client_of: Any) -> None:
    client = client_of(patient.user)
    assert client.get(PATH).json() == ALL
    assert not NotificationChoice.objects.exists()
    chosen = {"reminder": {"sms": True}, "booked": OFF}
    changed = ALL | {"reminder": MAIL | {"sms": True}, "booked": OFF}
    assert client.patch(PATH, chosen, format="json").json() == changed
    assert client.patch(PATH, {"reminder": {"email": False}}, format="json").status_code == 200
    changed["reminder"] = OFF | {"sms": True}
    assert client.get(PATH).json() == changed
    assert client.put(PATH, ALL, format="json").json() == ALL


def test_a_choice_is_of_one_account(
    patient: Patient, other_patient: Patient, client_of: Any
) -> None:
    client_of(patient.user).patch(PATH, {"reminder": OFF}, format="json")
    assert client_of(other_patient.user).get(PATH).json() == ALL
    patient.user.close(PASSWORD)
    assert not NotificationChoice.objects.exists(), "it goes with the account"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"moved": OFF}, "moved"),
        ({"canceled": {"email": False}}, "canceled"),
        ({"booked": {"email": "perhaps"}}, "booked.email"),
        ({"booked": True}, "booked.non_field_errors"),
    ],
)
def test_a_wrong_choice_is_refused_by_field(
    patient: Patient, client_of: Any, body: Any, field: str
) -> None:
    assert_invalid(client_of(patient.user).patch(PATH, body, format="json"), field)
    assert not NotificationChoice.objects.exists()


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_simultaneous_choices_of_one_kind_are_all_kept() -> None:
    user = UserFactory()
    for _ in range(3):
        NotificationChoice.objects.all().delete()
        changes: list[Any] = [{"reminder": {"sms": True}}, {"reminder": {"push": True}}]
        run_together(2, lambda number, all=changes: choose(user, all[number]))
        assert NotificationChoice.objects.of(user)["reminder"] == dict.fromkeys(MAIL, True)


def choose(user: Any, changes: Any) -> None:
    NotificationChoice.objects.choose(user, changes)


# --- The channels ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "has", "found"),
    [
        (MAIL, {"mail"}, ("email",)),
        (MAIL | {"sms": True, "push": True}, {"mail", "phone", "push"}, ("email", "sms", "push")),
        (MAIL | {"sms": True, "push": True}, {"phone"}, ("sms",)),
        (OFF | {"push": True}, {"mail", "push"}, ("push",)),
        (OFF, {"mail", "phone", "push"}, ()),
        (OFF | {"sms": True}, {"mail"}, "no phone number"),
        (MAIL | {"push": True}, {"phone"}, "no verified address, no device"),
    ],
)
def test_the_channels_are_those_chosen_that_reach_the_account(
    patient: Patient, noon: Any, chosen: Any, has: set[str], found: Any
) -> None:
    user = patient.user
    user.revise(email_verified_at=noon if "mail" in has else None)
    patient.revise(phone_number="+34612345678" if "phone" in has else "")
    devices_of(user, *(["one", "two"] if "push" in has else []))
    child = DependentFactory(user=user, phone_number="+34699999999")
    NotificationChoice.objects.choose(user, {"reminder": chosen})
    visit = AppointmentFactory(patient=child)
    row = OutgoingMessage(kind="reminder", object_id=visit.pk, cause=visit.events.get().pk)
    [kind] = [each for each in KINDS if each.name == "reminder"]
    at = visit.starts_at - timedelta(hours=20)
    if isinstance(found, str):
        with pytest.raises(Unreachable, match=f"^{found}$"):
            kind.channels(row, at)
        return
    assert kind.channels(row, at) == found
    sent: dict[str, Any] = {}
    for row.channel in found:
        sent[row.channel] = kind.compose(row, at)
    if "sms" in sent:
        assert sent["sms"].to == "+34612345678", "the number of the account's owner"
        assert sent["sms"].text.startswith(f"{child.first_name}: Reminder: ")
        assert "\n" not in sent["sms"].text
    if "push" in sent:
        assert {sent["push"].to, *sent["push"].also_to} == {"one", "two"}


# --- Push tokens ----------------------------------------------------------------------------------


def test_an_app_registers_its_token_and_the_device_that_had_it_loses_it(
    patient: Patient, other_patient: Patient, client_of: Any
) -> None:
    devices_of(other_patient.user, "of-the-app")
    client = client_of(patient.user)
    [device] = client.get("/api/auth/devices/").json()["results"]
    path = f"/api/auth/devices/{device['id']}/push-token/"
    assert client.post(path, {"token": "of-the-app"}).status_code == 204
    assert Device.objects.push_tokens(patient.user) == ("of-the-app",)
    assert Device.objects.push_tokens(other_patient.user) == ()
    assert client_of(other_patient.user).post(path, {"token": "x"}).status_code == 404
    for wrong in ("", "two words", "\u202e", "x" * 1001):
        assert_invalid(client.post(path, {"token": wrong}), "token")
    assert client.delete(path).status_code == 204
    assert Device.objects.push_tokens(patient.user) == ()


def test_a_device_that_is_signed_out_gets_no_push_message(patient: Patient) -> None:
    devices_of(patient.user, "one")
    patient.user.sign_out_everywhere()
    assert Device.objects.push_tokens(patient.user) == ()
