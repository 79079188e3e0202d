"""Every text that people read is marked for translation.

A language is added in which each text of a catalog stands in brackets. The pages and the errors of
the API are asked for in it: what stands outside of brackets is data, or was never marked.
"""

import logging
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from babel import Locale
from django.apps import apps
from django.db import models
from django.test import RequestFactory, override_settings
from django.utils.translation import trans_real

from config.languages import accepted
from tests.matrix.callers import Callers
from tests.matrix.calls import WHOSE, Calls
from tests.matrix.tables import pages_table
from tests.sample_data import rolled_back

pytestmark = pytest.mark.django_db

LANGUAGE = "en-gb"  # Django knows it, nobody here speaks it, and it has the formats of English
OPEN, CLOSE = "\u27e6", "\u27e7"
INNERMOST = re.compile(f"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}")
WORD = re.compile(r"[^\W\d_]{2,}")
CALLERS = ("superuser", "reception", "doctor of A")
# Attributes that are read to people, or shown.
READ_OUT = ("title", "aria-label", "alt", "placeholder", "aria-description", "data-confirm")
# Whole texts outside of the brackets, and why they are none of ours.
ALLOWED = (
    r"True|False|None",  # alternative texts of Django's icons
    r"md5|[A-Za-z0-9]+\*+",  # how a password is stored
    r"Access Log for .*|Attempted Access: .*|Failed access: .*",  # rows of django-axes
    r"User-group relationships: \d+",  # Django makes this name before there is a language
    r"female|yes|en|es|en \| es|Twenty years at the heart center\.",  # cells of a file to import
)
ZONES = r"\b(?:CES?T|UTC|GMT|BST)\b"


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
        found.factory = RequestFactory(HTTP_ACCEPT_LANGUAGE=LANGUAGE)
        yield found
        del trans_real._translations[LANGUAGE]  # type: ignore[attr-defined]
        accepted.cache_clear()
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def data(calls: Calls, django_db_blocker: Any) -> re.Pattern[str]:
    """Return what matches any text that the database holds, longer ones first."""
    found = set()
    for model in apps.get_models():
        for field in model._meta.fields:
            if isinstance(field, models.CharField | models.TextField) and not field.choices:
                found |= {str(text) for text in model._base_manager.values_list(field.name, flat=True)}
    found |= {str(name) for name in Locale("en", "GB").territories.values()}
    longest = sorted((text for text in found if WORD.search(text)), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest)))


def unmarked(html: str, data: re.Pattern[str]) -> list[str]:
    """Return the texts of a page that have words outside of brackets which are no data."""
    page = Shown()
    page.feed(html)
    faults = []
    for text in [page.text, *page.attributes]:
        rest = " ".join(re.sub(ZONES, " ", text).split(" "))
        while rest != (rest := INNERMOST.sub(" ", rest)):
            pass
        for part in data.sub(" ", rest).split("\0"):
            plain = " ".join(part.split()).strip("› ")
            if WORD.search(plain) and not any(re.fullmatch(each, plain) for each in ALLOWED):
                faults.append(plain)
    return faults


@pytest.mark.parametrize("caller", CALLERS)
def test_pages(calls: Calls, data: Any, caller: str) -> None:
    faults: dict[str, list[str]] = {}
    for route, cells in pages_table().items():
        for method in ("GET", "POST"):
            if cells.get((method, caller), "")[:3] != "200":
                continue
            with rolled_back():
                path = calls._path(route, caller, WHOSE[0])
                answer = calls._ask(method, caller, path, calls._body(method, route, caller, "own"))
            if not answer.response.get("Content-Type", "").startswith("text/html"):
                continue
            for text in unmarked(answer.response.content.decode(), data):
                faults.setdefault(text[:150], []).append(f"{method} {route}")
    for text, where in sorted(faults.items()):
        print(repr(text), where[:2], len(where))
    assert not faults
