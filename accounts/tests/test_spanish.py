"""Accounts in Spanish: pages of the admin, errors of the API, and a log that stays English."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.utils.translation import override

from accounts.models import AuditEvent, User
from accounts.models.device import UNKNOWN_DEVICE
from accounts.models.user import OwnAccount
from accounts.tests.factories import PASSWORD, StaffFactory, UserFactory
from tests.admin_client import AdminClient, messages_of, page
from tests.problems import assert_problem

pytestmark = pytest.mark.django_db
SPANISH = {"HTTP_ACCEPT_LANGUAGE": "es"}


@pytest.fixture
def admin_client(superuser: User) -> AdminClient:
    client = AdminClient(superuser)
    client.client.defaults |= SPANISH
    return client


@pytest.mark.parametrize(
    ("path", "texts"),
    [
        (
            page(User),
            ["Cuentas y auditoría", "apellidos", "Segundo factor</a>"],
        ),
        (page(AuditEvent), ["eventos de auditoría", "quién", "elija antes el día"]),
        ("/admin/second-factor/", ["Sin aplicación de autenticación.", "Quedan 0 códigos"]),
        ("/admin/axes/accesslog/", ["Hora del intento", "Inicios de sesión"]),
        ("/admin/knox/authtoken/", ["Dispositivos con sesión iniciada", "caducidad"]),
    ],
)
def test_the_admin_speaks_spanish(admin_client: AdminClient, path: str, texts: list[str]) -> None:
    shown = admin_client.get(path).content.decode().lower()
    assert [text for text in texts if text.lower() not in shown] == []


def test_an_administrator_reads_spanish_and_the_log_stays_english(
    admin_client: AdminClient, superuser: User
) -> None:
    user = StaffFactory()
    refused = admin_client.act("end_accounts", superuser)
    with override("es"):
        assert messages_of(refused) == [str(OwnAccount.message)]
    assert messages_of(admin_client.act("end_accounts", user)) == ["1 cuenta dada de baja."]
    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.change_message) == (f"account {user.pk}", "Account ended.")
    assert "Cuenta dada de baja." in admin_client.get(page(user, "history")).content.decode()
    assert "En lugar de eliminarla" in admin_client.get(page(user, "delete")).content.decode()


def test_errors_over_the_api_are_in_the_language_of_the_call(client_of: Any) -> None:
    wrong = {"email": UserFactory().email, "password": "wrong"}
    client = client_of(None)
    answer = client.post("/api/auth/login/", wrong, **SPANISH)
    assert_problem(answer, 401, "authentication_failed")
    assert "contraseña no son correctas" in answer.json()["detail"]
    assert client.post("/api/auth/login/", wrong).json()["detail"].startswith("Wrong e-mail")


def test_an_unknown_device_is_stored_in_english_and_shown_in_spanish(client_of: Any) -> None:
    user = UserFactory(password=PASSWORD)
    sent = {"email": user.email, "password": PASSWORD}
    token = client_of(None).post("/api/auth/login/", sent, HTTP_USER_AGENT="").json()["token"]
    client = client_of(None)
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    [device] = client.get("/api/auth/devices/", **SPANISH).json()["results"]
    assert device["name"] == "Dispositivo desconocido"
    [device] = client.get("/api/auth/devices/").json()["results"]
    assert device["name"] == UNKNOWN_DEVICE
