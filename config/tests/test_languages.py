"""The language of an answer: by the cookie of pages, by Accept-Language, and back to none."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import translation
from rest_framework.test import APIClient

from accounts.models import User
from config.document_view import built
from config.languages import accepted, language_of
from doctor.tests.factories import PublishedScheduleFactory

COOKIE = settings.LANGUAGE_COOKIE_NAME
MISSING = "/api/doctor/doctors/999999/"
ENGLISH, SPANISH = "Not found.", "No encontrado."


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("es", "es"),
        ("ES", "es"),
        ("es-419", "es"),
        ("es-ES,es;q=0.9,en;q=0.8", "es"),
        ("en;q=0.1, es;q=0.2", "es"),
        ("pt, es;q=0.5, en;q=0.4", "es"),
        ("pt", "en"),
        ("*", "en"),
        ("es;q=0", "en"),
        ("en;q=0, *", "es"),
        ("es;q=0, *;q=0.1", "en"),
        ("*;q=0", "en"),
        ("es;q=2", "en"),  # malformed, as what follows
        ("es;q=x", "en"),
        (";;,,==", "en"),
        ("\0", "en"),
        ("ñ", "en"),
        ("es" * 5000, "en"),
        ("pt," * 5000 + "es", "en"),
        ("es," * 5000, "es"),
    ],
)
def test_any_header_names_a_language_of_ours(header: str, language: str) -> None:
    assert accepted(header) == accepted.__wrapped__(header) == language


@pytest.mark.django_db
def test_a_problem_is_in_the_language_that_its_client_accepts_and_says_so() -> None:
    client = APIClient()
    for header, language, detail in ((None, "en", ENGLISH), ("es-MX, en;q=0.1", "es", SPANISH)):
        headers = {"Accept-Language": header} if header else {}
        response = client.get(MISSING, headers=headers)
        assert response.json()["detail"] == detail
        assert response.json()["title"] == "Not Found"  # of HTTP, in any language
        assert response["Content-Language"] == language
        assert "Accept-Language" in response["Vary"]


@pytest.mark.django_db
def test_the_cookie_of_pages_says_nothing_to_the_api(rf: Any) -> None:
    client = APIClient()
    client.cookies[COOKIE] = "es"
    assert client.get(MISSING).json()["detail"] == ENGLISH
    for path, language in (("/api/doctor/", "en"), ("/admin/", "es")):
        request = rf.get(path)
        request.COOKIES[COOKIE] = "es"
        assert language_of(request) == language
        request.COOKIES[COOKIE] = "../es"
        assert language_of(request) == "en"


@pytest.mark.django_db
def test_no_language_outlives_its_request() -> None:
    client = Client(raise_request_exception=False)
    for path in (MISSING, "/admin/login/", "/nowhere/"):
        with translation.override("en"):
            assert client.get(path, headers={"Accept-Language": "es"})["Content-Language"] == "es"
            assert translation.get_language() == "en"


@pytest.mark.django_db
def test_an_answer_that_caches_keep_has_no_language() -> None:
    slot = PublishedScheduleFactory().slots.first()
    path = f"/api/doctor/doctors/{slot.doctor_id}/available-slots/"
    answers = [Client().get(path, headers={"Accept-Language": each}) for each in ("es", "en")]
    assert answers[0].content == answers[1].content
    assert answers[0]["ETag"] == answers[1]["ETag"]
    for answer in answers:
        assert "Content-Language" not in answer
        assert "Accept-Language" not in answer["Vary"]


# --- Pages ----------------------------------------------------------------------------------------


def page(client: Client, path: str, **options: Any) -> str:
    return client.get(path, **options).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/admin/login/", "/nowhere/"])
def test_a_page_names_the_language_of_its_words(client: Client, path: str) -> None:
    assert '<html lang="en"' in page(client, path)
    assert '<html lang="es"' in page(client, path, headers={"Accept-Language": "es"})


@pytest.mark.django_db
@pytest.mark.parametrize("path", [MISSING, "/api-auth/login/"])
def test_a_script_names_the_language_of_pages_of_rest_framework(client: Client, path: str) -> None:
    headers = {"Accept": "text/html", "Accept-Language": "es"}
    assert 'data-language="es"' in page(client, path, headers=headers)


def test_a_form_in_the_head_of_the_admin_changes_the_language(superuser: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(superuser)
    shown = browser.get("/admin/accounts/user/?q=x")
    html = shown.content.decode()
    assert '<button type="submit" name="language" value="es" lang="es">español</button>' in html
    chosen, came_from = {"language": "es"}, "/admin/accounts/user/?q=x"
    path = reverse("set_language")
    assert browser.post(path, chosen).status_code == 403  # no token
    token = {"csrfmiddlewaretoken": str(shown.context["csrf_token"])}
    answer = browser.post(path, chosen | token, headers={"Referer": came_from})
    assert (answer.status_code, answer["Location"]) == (302, came_from)
    assert browser.cookies[COOKIE]["httponly"]
    assert '<html lang="es"' in page(browser, "/admin/accounts/user/")
    elsewhere = browser.post(path, {"language": "es", "next": "https://evil.example/"} | token)
    assert elsewhere["Location"] == "/"
    browser.post(path, {"language": "xx", "next": "/"} | token)
    assert browser.cookies[COOKIE].value == "es"


@pytest.mark.django_db
def test_the_openapi_document_is_in_english(client: Client) -> None:
    spanish = client.get("/api/schema/", headers={"Accept-Language": "es"})
    assert spanish["Content-Language"] == "en"
    assert spanish.content == client.get("/api/schema/").content
    with translation.override("es"):
        assert "No encontrado" not in str(built.__wrapped__())  # which each process builds once
