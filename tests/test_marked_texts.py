"""Every text that people read is marked for translation.

A language is added in which each text of a catalog stands in brackets. The pages and the errors of
the API are asked for in it: what stands outside of brackets is data, or was never marked.
"""

import json
import logging
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import product
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.test import RequestFactory, override_settings
from django.utils.translation import trans_real

from config.languages import accepted
from doctor.countries import country_names
from doctor.imports.doctors import DoctorResource
from doctor.imports.hours import HoursResource
from patient.imports import PatientResource
from tests.matrix.callers import Callers
from tests.matrix.calls import Calls
from tests.matrix.tables import pages_table
from tests.routes import api_routes
from tests.sample_data import rolled_back

pytestmark = pytest.mark.django_db

LANGUAGE = "en-gb"  # Django knows it, and it has the formats of English but no texts of ours
OPEN, CLOSE = "\u27e6", "\u27e7"
INNERMOST = re.compile(f"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}")
WORD = re.compile(r"[^\W\d_]{2,}")
CALLERS = ("superuser", "reception", "doctor of A")
# Attributes that are read to people, or shown.
READ_OUT = ("title", "aria-label", "alt", "placeholder", "aria-description", "data-confirm")
# Whole texts outside of the brackets, and why they are none of ours.
ALLOWED = re.compile(
    r"True|False|None"  # alternative texts of Django's icons
    r"|/healthz|/readyz"
    r"|Webhook-id|msg_[0-9a-f]{32}"  # the name of a header, and its value
    r"|English|Bracketed"  # the forms that choose a language name each in the language itself
    r"|md5|[A-Za-z0-9]+\*+"  # how a password is stored
    r"|Access Log for .*|Attempted Access: .*|Failed access: .*"  # rows of django-axes
    r"|[\w-]+ relationships: \d+"  # Django makes this name before there is a language
)
ZONES = re.compile(r"\b(?:CES?T|UTC)\b")


WHATEVER_THE_BODY = {401, 403, 405}
WRONG: tuple[Any, ...] = (None, [], "\0", -1, "x" * 5000)  # None: the fields are left out


class Bracketed:
    """A translation of every text: itself in brackets."""

    def gettext(self, message: str) -> str:
        return f"{OPEN}{message.rpartition(chr(4))[2]}{CLOSE}" if message.strip() else message

    def ngettext(self, one: str, many: str, number: int) -> str:
        return self.gettext(one if number == 1 else many)

    def language(self) -> str:
        return LANGUAGE

    def to_language(self) -> str:
        return LANGUAGE


class Shown(HTMLParser):
    """Collect what a page shows: its texts, and the attributes that are texts."""

    def __init__(self) -> None:
        super().__init__()
        self.attributes: list[str] = []
        self.text = ""
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        known = dict(attrs)
        self.hidden += tag in {"script", "style", "code"}
        self.attributes += [known[name] for name in READ_OUT if known.get(name)]
        if tag == "input" and known.get("type") in {"submit", "button", "reset"}:
            self.attributes.append(known.get("value") or "")
        self.text += "\0"

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in {"script", "style", "code"}
        self.text += "\0"

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.text += data


@pytest.fixture(scope="module")
def calls(django_db_setup: None, django_db_blocker: Any) -> Iterator[Calls]:
    languages = [("en", "English"), (LANGUAGE, "Bracketed")]
    logging.disable(logging.WARNING)
    with django_db_blocker.unblock(), rolled_back(), override_settings(LANGUAGES=languages):
        accepted.cache_clear()
        trans_real._translations[LANGUAGE] = Bracketed()  # type: ignore[attr-defined]
        found = Calls(Callers())
        own_day = Permission.objects.get(codename="view_own_day")
        found.callers.accounts["doctor of A"].user_permissions.add(own_day)
        found.factory = RequestFactory(HTTP_ACCEPT_LANGUAGE=LANGUAGE)
        yield found
        del trans_real._translations[LANGUAGE]  # type: ignore[attr-defined]
        accepted.cache_clear()
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def data(calls: Calls) -> re.Pattern[str]:
    """Return what matches any text of the database, and names and examples of data."""
    found = {*country_names().values()}
    for resource in (PatientResource, DoctorResource, HoursResource):
        found |= {column.example for column in resource.columns().values()}
    for model in set(apps.get_models()) - {ContentType}:
        for field in model._meta.fields:
            if isinstance(field, models.CharField | models.TextField) and not field.choices:
                found |= set(map(str, model._base_manager.values_list(field.name, flat=True)))
    longest = sorted((text for text in found if WORD.search(text)), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest))})(?!\w)")


def without_brackets(text: str) -> str:
    """Return the text without what stands in brackets, in nested ones too."""
    while text != (text := INNERMOST.sub(" ", text)):
        pass
    return text


def unmarked(html: str, data: re.Pattern[str]) -> list[str]:
    """Return the texts of a page that have words outside of brackets which are no data."""
    page = Shown()
    page.feed(html)
    faults = []
    for text in [page.text, *page.attributes]:
        for part in without_brackets(text).split("\0"):
            if WORD.search(part):
                rest = data.sub(" ", ZONES.sub(" ", part))
                plain = " ".join(rest.split()).strip("\u203a ")
                if WORD.search(plain) and not ALLOWED.fullmatch(plain):
                    faults.append(plain)
    return faults


@pytest.mark.parametrize("caller", CALLERS)
def test_every_text_of_a_page_is_marked(calls: Calls, data: Any, caller: str) -> None:
    """Asks for each page by GET, and by POST with an empty form, which comes back with errors."""
    faults: dict[str, list[str]] = {}
    shown = 0
    for route, cells in pages_table().items():
        for method in ("GET", "POST"):
            # The table's doctors have no access to the desk.
            is_own_day = caller == "doctor of A" and route.startswith("/admin/desk/mine/")
            if cells[method, caller].startswith("200") or is_own_day:
                with rolled_back():
                    answer = calls.ask(method, route, caller)
                if answer.response.get("Content-Type", "").startswith("text/html"):
                    shown += 1
                    for text in unmarked(answer.response.content.decode(), data):
                        faults.setdefault(text, []).append(f"{method} {route}")
    assert faults == {}
    assert shown > 5


def test_every_sentence_of_an_error_of_the_api_is_marked(calls: Calls) -> None:
    """Asks for each operation with a body whose fields are missing, and with wrong values.

    A refusal that no body can change is asked for once.
    """
    faults, seen = {}, set()
    for route, methods in api_routes().items():
        for method, caller in product(sorted(methods), ("anonymous", "patient A", "superuser")):
            valid = calls.callers.own[caller].body(method, route)
            for value in WRONG if valid else WRONG[:1]:
                body = dict.fromkeys(valid or (), value) if value is not None else {}
                with rolled_back():
                    answer = calls.ask(method, route, caller, json.dumps(body))
                if answer.status < 400:
                    continue
                problem = json.loads(answer.response.content)
                seen |= {error["code"] for error in problem.get("errors", ())} | {problem["code"]}
                for said in (problem, *problem.get("errors", ())):
                    if WORD.search(rest := without_brackets(said["detail"])):
                        faults[rest] = f"{method} {route} {said['code']}"
                if answer.status in WHATEVER_THE_BODY:
                    break
    assert faults == {}
    assert {"required", "invalid", "not_found", "not_authenticated", "max_length"} <= seen
