"""An account has a language: asked for at registration, and chosen in the profile."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.languages import first_supported, supported
from accounts.models import User
from accounts.tests.factories import PASSWORD, UserFactory
from accounts.tests.mailbox import post
from doctor.tests.factories import DoctorFactory
from tests.problems import assert_invalid

pytestmark = pytest.mark.django_db

PROFILE = "/api/auth/profile/"


@pytest.mark.parametrize(
    ("tag", "language"), [("es", "es"), ("es-MX", "es"), ("EN-gb", "en"), ("de", ""), ("", "")]
)
def test_a_tag_is_served_by_a_language_of_the_clinic(tag: str, language: str) -> None:
    assert supported(tag) == language
    assert first_supported("", tag) == (language or "en")


@pytest.mark.parametrize(
    ("header", "language", "subject"),
    [
        ("es-MX, en;q=0.5", "es", "Confirme su dirección de correo"),
        ("de", "en", "Confirm your e-mail address"),
        (None, "", "Confirm your e-mail address"),
    ],
)
def test_an_account_is_written_to_in_the_language_that_it_was_made_in(
    header: str | None, language: str, subject: str
) -> None:
    body = {"email": "a@example.com", "password": PASSWORD, "first_name": "", "last_name": "A"}
    client = APIClient(headers={"Accept-Language": header} if header else {})
    answer = client.post("/api/auth/register/", body)
    assert answer.json()["user"]["language"] == (language or None)
    assert User.objects.get(email="a@example.com").language == language
    assert [message.subject for message in post()] == [subject]


def test_the_profile_changes_the_language_of_every_account(client_of: Any) -> None:
    doctor = DoctorFactory(user=UserFactory()).user
    for user in (UserFactory(), UserFactory(is_staff=True), doctor):
        client = client_of(user)
        assert client.patch(PROFILE, {"language": "es"}).json()["language"] == "es"
        assert client.patch(PROFILE, {"language": None}, format="json").json()["language"] is None
        assert_invalid(client.patch(PROFILE, {"language": "xx"}), "language")
    assert client.patch(PROFILE, {"language": "es", "last_name": "X"}).status_code == 403
