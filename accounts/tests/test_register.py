"""POST /api/auth/register/"""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.test import APIClient

from accounts.models import OutgoingMessage, User
from accounts.tests.factories import UserFactory
from tests.problems import assert_invalid, assert_problem
from tests.threads import run_together

pytestmark = pytest.mark.django_db

REGISTER = "/api/auth/register/"
ANA = {
    "email": "ana@example.com",
    "password": "correct horse battery",
    "first_name": "Ana",
    "last_name": "Ruiz",
}


def register(**changes):
    return APIClient().post(REGISTER, {**ANA, **changes})


def test_registering_answers_the_user_a_token_and_its_expiry() -> None:
    response = register()
    assert response.status_code == 201
    assert set(response.json()) == {"user", "token", "expiry"}
    user = User.objects.get()
    assert response.json()["user"] == {
        "id": user.pk,
        "email": "ana@example.com",
        "language": None,
        "first_name": "Ana",
        "last_name": "Ruiz",
        "is_staff": False,
        "doctor": None,
        "date_joined": user.date_joined.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def test_the_token_of_a_registration_signs_in_for_14_days() -> None:
    session = register().json()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {session['token']}")
    assert client.get("/api/auth/profile/").json() == session["user"]
    expiry = parse_datetime(session["expiry"])
    assert expiry is not None
    assert abs(expiry - timezone.now() - timedelta(days=14)) < timedelta(minutes=1)


@pytest.mark.parametrize("name", ANA)
@pytest.mark.parametrize("value", [None, "", ...])
def test_every_field_is_required(name: str, value: object) -> None:
    body = {**ANA, name: value}
    if value is ...:
        del body[name]
    if (name, value) == ("first_name", ""):
        assert register(**body).status_code == 201  # a person with one name
        return
    assert_invalid(APIClient().post(REGISTER, body), name)
    assert not User.objects.exists()


@pytest.mark.parametrize("email", ["ana@example.com", "ANA@Example.com", " Ana@example.com "])
def test_a_taken_address_is_refused_in_any_spelling(email: str) -> None:
    UserFactory(email="ana@example.com")
    assert assert_invalid(register(email=email), "email") == {"email": "unique"}


@pytest.mark.parametrize("email", ["ana", "ana@", "@example.com", "a b@example.com", "a" * 255])
def test_a_malformed_address_is_refused(email: str) -> None:
    assert_invalid(register(email=email), "email")


# --- International addresses ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("eve@fußball.example", "eve@xn--fuball-cta.example"),
        ("eve@FUẞBALL.example", "eve@xn--fuball-cta.example"),
        ("eve@XN--fuball-cta.example", "eve@xn--fuball-cta.example"),
        ("eve@βόλος.example", "eve@xn--nxasmm1c.example"),
        (
            "eve@ΚΟΣΜΟΣ-24.example",
            "eve@xn---24-oyckrb4ac.example",
        ),  # no final sigma before a hyphen
        ("eve@\u0131stanbul.example", "eve@xn--stanbul-qfb.example"),  # i without a dot
        ("eve@\uff45xample\u3002com", "eve@example.com"),  # typed in Japanese
        ("eve@r3---sn.example", "eve@r3---sn.example"),
    ],
)
def test_a_domain_is_stored_and_mailed_by_idna_2008(sent: str, stored: str) -> None:
    assert register(email=sent).json()["user"]["email"] == stored
    assert [mail.address for mail in OutgoingMessage.objects.all()] == [stored]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("eve@fußball.example", "eve@xn--fuball-cta.example"),
        ("eve@xn--bcher-kva.example", "eve@BÜCHER.example"),
        ("eve@bücher.example", "eve@bu\u0308cher.example"),
    ],
)
def test_a_domain_in_unicode_and_in_ascii_is_one_account(first: str, second: str) -> None:
    assert register(email=first).status_code == 201
    assert assert_invalid(register(email=second), "email") == {"email": "unique"}
    login = {"email": second, "password": ANA["password"]}
    assert APIClient().post("/api/auth/login/", login).status_code == 200


def test_the_owner_of_a_similar_domain_gets_another_account() -> None:
    for email in ("eve@fußball.example", "eve@fussball.example"):
        assert register(email=email).status_code == 201
    login = {"email": "eve@fußball.example", "password": ANA["password"]}
    user = APIClient().post("/api/auth/login/", login).json()["user"]
    assert user["email"] == "eve@xn--fuball-cta.example"


INVISIBLE = [
    "ana@exam\u00adple.com",  # soft hyphen
    "ana@exam\u2060ple.com",  # word joiner
    "ana@exam\u200dple.com",  # zero-width joiner
    "ana@می\u200cخ.example",  # zero-width non-joiner, which IDNA 2008 allows here
    "ana@xn--mgba3gch31f060k.com",  # the same in ASCII
    "a\u200bna@example.com",
    "ana\ufe0f@example.com",
    "ana@example.com\U000e0041",
]


@pytest.mark.parametrize(
    "email",
    [
        *INVISIBLE,
        "añ@example.com",
        "\u0430na@example.com",
        "\uff41na@example.com",
        "ana@xn--a.example",
        "ana@💩.la",
    ],
)
def test_an_address_that_looks_like_another_is_refused(email: str) -> None:
    assert_invalid(register(email=email), "email")
    assert_invalid(APIClient().post("/api/auth/password-reset/", {"email": email}), "email")
    with pytest.raises(ValidationError) as refused:
        User(email=email).full_clean()
    assert "email" in refused.value.message_dict
    assert not User.objects.exists()


def test_no_two_spellings_without_the_invisible_characters_are_two_accounts() -> None:
    UserFactory(email="ana@example.com")
    for email in INVISIBLE:
        assert register(email=email).status_code == 400


def test_the_address_is_kept_in_lower_case() -> None:
    assert register(email="ANA@EXAMPLE.COM").json()["user"]["email"] == "ana@example.com"


def test_an_address_is_validated_in_its_stored_spelling() -> None:
    """NFKC expands U+FDFA to eighteen characters, some of which are spaces."""
    grows = "a@" + ".".join(["\ufdfa" * 20] * 8) + ".com"
    assert_invalid(register(email=grows), "email")
    assert_invalid(register(email="a@\ufdfa.com"), "email")


@pytest.mark.parametrize("password", ["short", "password1", "1029384756012", "ana@example.com"])
def test_a_weak_password_is_refused(password: str) -> None:
    assert_invalid(register(password=password), "password")


def test_a_password_is_stored_as_typed_and_in_no_answer() -> None:
    response = register(password="  spaces around me  ")
    assert "spaces" not in response.content.decode()
    user = User.objects.get()
    assert user.check_password("  spaces around me  ")
    assert "spaces" not in user.password


@pytest.mark.parametrize("name", ["first_name", "last_name"])
def test_a_name_has_at_most_150_characters(name: str) -> None:
    assert assert_invalid(register(**{name: "x" * 151}), name) == {name: "max_length"}
    assert register(**{name: "x" * 150}).status_code == 201


def test_a_registration_cannot_set_is_staff() -> None:
    rise = {"is_staff": True, "is_superuser": True, "is_active": False, "id": 1, "groups": [1]}
    assert register(**rise).status_code == 201
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser, user.is_active) == (False, False, True)


@pytest.mark.parametrize("header", ["Token junk", "Token \xe9", "Bearer x"])
def test_a_bad_authorization_header_is_ignored(header: str) -> None:
    response = APIClient().post(REGISTER, ANA, HTTP_AUTHORIZATION=header)
    assert response.status_code == 201


def test_get_is_not_allowed() -> None:
    assert_problem(APIClient().get(REGISTER), 405, "method_not_allowed")


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_one_of_several_simultaneous_registrations_of_an_address_succeeds() -> None:
    responses = run_together(4, lambda number: register(first_name=f"Ana {number}"))
    statuses = sorted(getattr(response, "status_code", 0) for response in responses)
    assert statuses == [201, 400, 400, 400]
    assert User.objects.count() == 1
