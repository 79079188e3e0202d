"""The production settings: HTTPS for all but the probes, and secure cookies of this host alone."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.live import environ, free_port

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = """
import json, sys, django
django.setup()
from django.conf import settings
from django.test import Client
settings.STORAGES["staticfiles"]["BACKEND"] = "django.core.files.storage.FileSystemStorage"
answers = {}
for path, secure, headers in json.load(sys.stdin):
    client = Client(SERVER_NAME="clinic.example", REMOTE_ADDR=sys.argv[1])
    answer = client.get(path, secure=secure, headers=headers)
    cookies = {name: [m["secure"], m["httponly"], m["samesite"], m["path"], m["domain"]]
               for name, m in answer.cookies.items()}
    key = ("https " if secure else "http ") + path + "".join(sorted(headers))
    answers[key] = [answer.status_code, dict(answer.headers), cookies, answer.content.decode()]
names = ("SESSION_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "SESSION_COOKIE_SAMESITE",
         "SESSION_COOKIE_NAME", "SESSION_COOKIE_DOMAIN", "SESSION_COOKIE_PATH")
answers["settings"] = {name: getattr(settings, name) for name in names}
json.dump(answers, sys.stdout)
"""
DOCTORS = "/api/doctor/doctors/"
BY_PROXY = {"X-Forwarded-Proto": "https"}
CALLS: list[tuple[str, bool, dict[str, str]]] = [
    (DOCTORS, False, {}),
    (DOCTORS, False, BY_PROXY),
    ("/api", False, {}),
    ("/healthz", False, {}),
    ("/readyz", False, {}),
    ("/admin/login/", False, {}),
    ("/admin/login/", True, {}),
    ("/api/nowhere/", True, {}),
]


def run_in_production(
    command: list[str], text: str = "", **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command with the production settings and this text on its standard input."""
    return subprocess.run(
        command,
        input=text,
        env=environ(
            DJANGO_SETTINGS_MODULE="config.settings",
            ENVIRONMENT="production",
            SECRET_KEY="only-for-this-test-" + "x" * 50,
            ALLOWED_HOSTS="clinic.example",
            DATABASE_URL="sqlite://:memory:",
            EMAIL_URL="smtp+tls://127.0.0.1:1",
            DEFAULT_FROM_EMAIL="clinic@clinic.example",
            **variables,
        ),
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def production(caller: str = "127.0.0.1", **variables: str) -> dict[str, Any]:
    """Make CALLS from an address in a process with the production settings; return their answers.

    An answer is [status, headers, cookies, body]. Its key is `https` or `http`, a space, the path
    and the names of the headers sent. The key `settings` has the settings of the session cookie.
    """
    command = [sys.executable, "-c", PROGRAM, caller]
    run = run_in_production(command, json.dumps(CALLS), **variables)
    assert run.returncode == 0, run.stderr
    answers: dict[str, Any] = json.loads(run.stdout)
    return answers


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """Return the answers of one process for all tests, since each takes seconds to start."""
    return production()


def test_plain_http_is_refused_under_api_and_not_redirected(answers) -> None:
    status, headers, _, body = answers[f"http {DOCTORS}"]
    assert (status, headers["Content-Type"]) == (403, "application/problem+json")
    problem = json.loads(body)
    assert (problem["code"], problem["status"]) == ("permission_denied", 403)
    assert "https" in problem["detail"]
    assert "Location" not in headers
    assert answers["http /api"][0] == 403


def test_x_forwarded_proto_is_ignored_unless_a_proxy_is_named(answers) -> None:
    assert answers[f"http {DOCTORS}X-Forwarded-Proto"][0] == 403
    behind_one = production(NUM_PROXIES="1")
    assert behind_one[f"http {DOCTORS}X-Forwarded-Proto"][0] != 403
    assert behind_one[f"http {DOCTORS}"][0] == 403


def test_x_forwarded_proto_is_ignored_from_any_other_address_than_a_proxys() -> None:
    direct = production(caller="198.51.100.7", NUM_PROXIES="1")
    assert direct[f"http {DOCTORS}X-Forwarded-Proto"][0] == 403


def test_probes_are_answered_over_plain_http(answers) -> None:
    assert answers["http /healthz"][0] == 200
    assert answers["http /readyz"][0] == 503  # this database has no tables


def test_plain_http_pages_redirect_to_https(answers) -> None:
    status, headers, *_ = answers["http /admin/login/"]
    assert (status, headers["Location"]) == (301, "https://clinic.example/admin/login/")


def test_browsers_are_ordered_to_use_https_alone_for_a_year(answers) -> None:
    reported = "max-age=31536000; includeSubDomains; preload"
    for path in ("/admin/login/", "/api/nowhere/"):
        assert answers[f"https {path}"][1]["Strict-Transport-Security"] == reported


def test_cookies_are_secure_host_only_and_http_only(answers) -> None:
    _, _, cookies, _ = answers["https /admin/login/"]
    assert cookies == {"__Host-csrftoken": [True, True, "Lax", "/", ""]}
    assert answers["settings"] == {
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_NAME": "__Host-sessionid",
        "SESSION_COOKIE_DOMAIN": None,
        "SESSION_COOKIE_PATH": "/",
    }


def test_an_unknown_path_under_api_is_a_problem_over_https(answers) -> None:
    status, headers, *_ = answers["https /api/nowhere/"]
    assert (status, headers["Content-Type"]) == (404, "application/problem+json")


def test_a_server_without_collected_files_does_not_start(tmp_path: Path) -> None:
    start = (
        f"import sys, config.settings; config.settings.STATIC_ROOT = {str(tmp_path)!r};"
        "sys.argv = ['gunicorn', '--config', 'deploy/gunicorn.conf.py', 'config.wsgi'];"
        "from gunicorn.app.wsgiapp import run; run()"
    )
    run = run_in_production([sys.executable, "-c", start], PORT=str(free_port()))
    assert run.returncode == 1
    assert "collectstatic" in run.stderr
    assert "Traceback" not in run.stderr
