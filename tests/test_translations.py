"""The catalogs are complete, and the tool that checks them finds each kind of fault."""

import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Message
from django.conf import settings
from django.test import Client
from django.utils.translation import trans_real

from config.languages import accepted
from tools import translations
from tools.translations import APPS, calls_in, calls_in_template, check, read, update

SOURCE = """
from django.utils.translation import gettext_lazy as _, ngettext, pgettext
# Translators: said at the door
HELLO = _("Hello, "
          "%(name)s")
def count(n):
    return ngettext("%(n)d visit", "%(n)d visits", len(n)) % {"n": pgettext("month", "May")}
"""
TEMPLATE = """{% load i18n %}<p>
    {% translate "A <b>100%</b> day" %} isn't {{ x|default:_("none") }}
  {% blocktranslate trimmed count n=n %}
      {{ n }} place
  {% plural %}
      {{ n }} places
  {% endblocktranslate %} {{ day|date:_("j M") }}</p>
"""
LIBRARIES = ("rest_framework", "django_filters", "knox", "phonenumber_field", "axes", "django_otp")


@pytest.mark.parametrize("app", APPS)
def test_each_app_is_translated_into_each_language_of_the_settings(app: str) -> None:
    for language in translations.languages():
        assert check(app, language) == []
        assert translations.disagreements(language) == []
    assert {"en", *translations.languages()} == set(dict(settings.LANGUAGES))


def test_texts_of_libraries_are_translated_by_them_or_by_us() -> None:
    missing = [text for language in translations.languages() for text in texts_missing_in(language)]
    assert not missing, "\n".join(missing)


def texts_missing_in(language: str) -> Iterator[str]:
    """Yield each text of the libraries that neither they nor we have in the language."""
    known = trans_real.translation(language)._catalog  # type: ignore[attr-defined]
    for library in LIBRARIES:
        root = Path(str(import_module(library).__file__)).parent
        for path in [*root.rglob("*.py"), *root.rglob("*.html")]:
            if {"tests", "locale"}.isdisjoint(path.parts):
                for message in texts_of(path):
                    name = message.id if isinstance(message.id, str) else message.id[0]
                    key = f"{message.context}\x04{name}" if message.context else name
                    if not (known.get(key) or known.get((key, 0))):
                        yield f"{language}: {path.relative_to(root.parent)}: {name!r}"


def texts_of(path: Path) -> Any:
    text = path.read_text()
    return calls_in(text) if path.suffix == ".py" else calls_in_template(text, str(path))


# --- The tool -------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with an app of one module and one template, and its Spanish catalog."""
    (tmp_path / "doctor" / "templates").mkdir(parents=True)
    (tmp_path / "doctor" / "module.py").write_text(SOURCE)
    (tmp_path / "doctor" / "templates" / "page.html").write_text(TEMPLATE)
    update("doctor", "es", tmp_path)
    return tmp_path


def write(root: Path, **words: str | tuple[str, ...]) -> None:
    """Write the entry whose msgid begins with `word`, for each of the words, and compile."""
    path = translations.catalog_path("doctor", "es", root)
    catalog = read(path, "es")
    for entry in catalog.entries():
        for word, text in words.items():
            if str(entry.id if isinstance(entry.id, str) else entry.id[0]).startswith(word):
                entry.string = text
                entry.flags.discard("fuzzy")
    path.write_bytes(catalog.text)
    translations.compile_catalog("doctor", "es", root)


def translate(root: Path) -> None:
    one, places = "%(n)s plaza", "%(n)s plazas"
    write(root, none="ninguno", Hello="Hola, %(name)s", A="Un día <b>100%%</b>", May="mayo")
    write(root, **{"%(n)s place": (one, places), "%(n)d": ("%(n)d cita", "%(n)d citas")})
    write(root, j="j b")


def test_every_way_to_mark_a_text_is_found_and_a_full_catalog_has_no_fault(root: Path) -> None:
    text = translations.catalog_path("doctor", "es", root).read_text()
    assert text.count("msgid ") == 1 + 7  # the header is one
    assert '#. said at the door\n#, python-format\nmsgid "Hello, %(name)s"' in text
    assert 'msgctxt "month"\nmsgid "May"' in text
    assert 'msgid "A <b>100%%</b> day"' in text
    assert len([fault for fault in check("doctor", "es", root) if "missing" in fault]) == 7
    translate(root)
    assert check("doctor", "es", root) == []
    before = translations.catalog_path("doctor", "es", root).read_bytes()
    update("doctor", "es", root)
    assert translations.catalog_path("doctor", "es", root).read_bytes() == before


@pytest.mark.parametrize(
    ("word", "text", "fault"),
    [
        ("Hello", "Hola", "placeholders differ"),
        ("Hello", "Hola, %(nombre)s", "placeholders differ"),
        ("Hello", "Hola 100% %(name)s", "cannot be formatted"),
        ("Hello", " Hola, %(name)s", "white space"),
        ("A", "Un día 100%%", "tags differ"),
        ("May", "", "missing"),
        ("%(n)d", ("%(n)d cita", ""), "missing"),
        ("%(n)d", ("%(n)d cita", "citas"), "placeholders differ"),
    ],
)
def test_a_translation_that_would_break_is_a_fault(
    root: Path, word: str, text: Any, fault: str
) -> None:
    translate(root)
    write(root, **{word: text})
    assert any(fault in line for line in check("doctor", "es", root))


def test_fuzzy_obsolete_changed_and_uncompiled_entries_are_faults(root: Path) -> None:
    translate(root)
    path = translations.catalog_path("doctor", "es", root)
    module = root / "doctor" / "module.py"
    module.write_text(SOURCE.replace("Hello, ", "Hello there, "))
    assert any("not in the file" in line for line in check("doctor", "es", root))
    assert any("no longer marked" in line for line in check("doctor", "es", root))
    said = update("doctor", "es", root)
    assert any("dropped" in line and "Hola" in line for line in said)
    assert any("fuzzy" in line for line in check("doctor", "es", root))
    assert read(path, "es")["Hello there, %(name)s"].string == "Hola, %(name)s"
    path.write_text(path.read_text() + '\n#~ msgid "Gone"\n#~ msgstr "Ido"\n')
    assert any("obsolete" in line for line in check("doctor", "es", root))
    module.write_text(SOURCE)
    update("doctor", "es", root)
    write(root, Hello="Hola, %(name)s")
    assert check("doctor", "es", root) == []
    path.with_suffix(".mo").write_bytes(b"")
    assert any(".mo" in line for line in check("doctor", "es", root))


def test_two_versions_of_a_catalog_merge_by_entries(root: Path) -> None:
    path = translations.catalog_path("doctor", "es", root)
    write(root, Hello="Hola, %(name)s")
    ours = path.read_bytes()
    write(root, Hello="Buenas, %(name)s", May="mayo")
    other = path.read_bytes()
    path.write_bytes(ours)
    assert len(translations.union(path, other)) == 1  # it says which translation it left out
    merged = read(path, "es")
    assert merged["Hello, %(name)s"].string == "Hola, %(name)s"
    assert merged.get("May", "month").string == "mayo"


def test_one_text_is_translated_alike_in_all_apps(root: Path) -> None:
    translate(root)
    (root / "patient").mkdir()
    (root / "patient" / "module.py").write_text('_("none")\n')
    update("patient", "es", root)  # it takes the translation of the other app
    path = translations.catalog_path("patient", "es", root)
    assert read(path, "es")["none"].string == "ninguno"
    assert translations.disagreements("es", root) == []
    catalog = read(path, "es")
    catalog.take(Message("none", "nada"))
    catalog["none"].string = "nada"
    path.write_bytes(catalog.text)
    assert len(translations.disagreements("es", root)) == 1


# --- A third language (docs/translating.md) -------------------------------------------------------


@pytest.fixture
def french(tmp_path: Path, settings: Any) -> Iterator[None]:
    """Speak French as far as a catalog goes that the tool makes of `config`."""
    shutil.copytree(translations.ROOT / "config", tmp_path / "config")
    update("config", "fr", tmp_path)
    path = translations.catalog_path("config", "fr", tmp_path)
    catalog = read(path, "fr")
    catalog["Not found."].string = "Introuvable."
    catalog["Clinic appointments"].string = "Rendez-vous de la clinique"
    path.write_bytes(catalog.text)
    translations.compile_catalog("config", "fr", tmp_path)
    settings.LANGUAGES = [*settings.LANGUAGES, ("fr", "Français")]
    settings.LOCALE_PATHS = [tmp_path / "config" / "locale", *settings.LOCALE_PATHS]
    accepted.cache_clear()
    yield
    accepted.cache_clear()


@pytest.mark.django_db
def test_a_third_language_needs_a_catalog_alone(french: None, client: Client) -> None:
    headers = {"Accept-Language": "fr-CH, es;q=0.5"}
    refused = client.get("/api/doctor/doctors/999999/", headers=headers)
    assert (refused.json()["detail"], refused["Content-Language"]) == ("Introuvable.", "fr")
    page = client.get("/", headers=headers).content.decode()
    assert '<html lang="fr">' in page
    assert "<h1>Rendez-vous de la clinique</h1>" in page
    assert ">français</button>" in client.get("/admin/login/").content.decode()
