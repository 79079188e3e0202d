"""Extract, compile and check the translations, by Babel: a fresh machine has no GNU gettext.

    python -m tools.translations update [app ...] [--language fr]
    python -m tools.translations compile [app ...]
    python -m tools.translations check [app ...]
    python -m tools.translations union FILE.po [OTHER.po]

Each app has one catalog a language, `<app>/locale/<language>/LC_MESSAGES/django.po`, and its
compiled `.mo` beside it. Both are committed. Neither has a date, a version or a line number, so
that the same sources always make the same bytes and two branches merge by entries.
docs/translating.md says how a translator works with them.
"""

import argparse
import ast
import io
import re
import subprocess  # nosec B404  # to read both sides of a merge from git
import sys
from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog as BabelCatalog
from babel.messages.catalog import Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
APPS = ("accounts", "appointment", "config", "doctor", "extensions", "patient")
LEFT_OUT = {"tests", "migrations", "locale", "static", "__pycache__"}
KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop")),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
MARK = "Translators:"  # begins a comment for translators, on the line above the text
# CLDR has a third form for whole millions, which no count of a clinic reaches.
PLURAL_FORMS = {"es": "nplurals=2; plural=(n != 1);"}
PLACEHOLDER = re.compile(r"%\((\w+)\)[^a-zA-Z]*[a-zA-Z]|\{(\w*(?::\w*)?)\}")
TAG = re.compile(r"</?[a-z][a-z0-9]*")


class Catalog(BabelCatalog):
    """A catalog of Babel whose header has no date and no version."""

    def __init__(self, language: str) -> None:
        super().__init__(locale=language, fuzzy=False, header_comment="")
        if language in PLURAL_FORMS:
            self._set_mime_headers([("Plural-Forms", PLURAL_FORMS[language])])

    def _get_mime_headers(self) -> list[tuple[str, str]]:
        return [
            ("Language", str(self.locale)),
            ("Plural-Forms", self.plural_forms),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit\n"),
        ]

    def entries(self) -> Iterator[Message]:
        """Yield the entries without the header, sorted by msgid."""
        yield from sorted(message for message in self if message.id)

    def entry(self, other: Message) -> Message | None:
        """Return the entry with the msgid and the context of another catalog's."""
        return self.get(other.id, other.context)

    def take(self, message: Message) -> None:
        """Add an entry; the same msgid with and without a plural is one entry with it."""
        self[message.id] = message

    @property
    def text(self) -> bytes:
        """The .po file."""
        file = io.BytesIO()
        write_po(file, self, width=0, no_location=True, sort_output=True)
        return file.getvalue().strip(b"\n") + b"\n"

    @property
    def compiled(self) -> bytes:
        """The .mo file."""
        file = io.BytesIO()
        write_mo(file, self)
        return file.getvalue()


def catalog_path(app: str, language: str, root: Path = ROOT) -> Path:
    """Return the path of an app's .po file."""
    return root / app / "locale" / language / "LC_MESSAGES" / "django.po"


def languages(root: Path = ROOT) -> list[str]:
    """Return the languages for which any app has a catalog."""
    found = {path.parent.parent.name for path in root.glob("*/locale/*/LC_MESSAGES/django.po")}
    return sorted(found)


def read(source: Path | bytes, language: str) -> Catalog:
    """Return the catalog of a .po file; an empty one if the file does not exist."""
    catalog = Catalog(language)
    if isinstance(source, Path):
        source = source.read_bytes() if source.exists() else b""
    stored = read_po(io.BytesIO(source), locale=language)
    for message in stored:
        if message.id:
            catalog.take(message)
    catalog.obsolete = stored.obsolete
    return catalog


# --- Extraction -----------------------------------------------------------------------------------


def sources(app: str, root: Path = ROOT) -> Iterator[Path]:
    """Yield the files of an app that may mark strings: Python and templates."""
    for path in sorted((root / app).rglob("*")):
        parts = path.relative_to(root).parts
        marks = path.suffix == ".py" or "templates" in parts
        if marks and path.is_file() and LEFT_OUT.isdisjoint(parts):
            yield path


def extracted(app: str, language: str, root: Path = ROOT) -> Catalog:
    """Return what an app's sources mark, without translations."""
    catalog = Catalog(language)
    for path in sources(app, root):
        text = path.read_text()
        found = calls_in(text) if path.suffix == ".py" else calls_in_template(text, str(path))
        for message in found:
            catalog.take(message)
    return catalog


def calls_in(source: str) -> Iterator[Message]:
    """Yield the entries of the calls of gettext in a Python source, those in f-strings too."""
    lines = ["", *source.splitlines()]
    for node in ast.walk(ast.parse(source)):
        function = getattr(node, "func", None)
        name = getattr(function, "id", getattr(function, "attr", ""))
        if not isinstance(node, ast.Call) or name not in KEYWORDS:
            continue
        words: list[Any] = [getattr(argument, "value", None) for argument in node.args]
        context = words.pop(0) if "pgettext" in name and words else None
        words = words[: 2 if name.startswith("n") else 1]
        if words and all(isinstance(word, str) for word in words):  # else a variable
            above = lines[node.lineno - 1].strip()
            comment = above.partition(f"# {MARK}")[2].strip()
            msgid = tuple(words) if words[1:] else words[0]
            yield Message(msgid, auto_comments=[comment] if comment else [], context=context)


def calls_in_template(source: str, name: str) -> Iterator[Message]:
    """Yield the entries of a template; Django turns its tags into calls of gettext."""
    calls = re.sub(r"(?m)^ +", "", re.sub(r"[^\S\n]+", " ", templatize(source, name)))
    for _, msgid, comments, context in extract(
        "python", io.BytesIO(calls.encode()), KEYWORDS, [MARK], strip_comment_tags=True
    ):
        yield Message(msgid, auto_comments=comments, context=context)


# --- Commands -------------------------------------------------------------------------------------


def updated(app: str, language: str, root: Path = ROOT) -> tuple[Catalog, list[Message]]:
    """Return an app's catalog for its sources of today, and the entries that they no longer mark.

    A new entry takes the translation of another app that has the same msgid. Failing that, it takes
    that of a similar msgid which disappeared, as fuzzy: a translator looks at it.
    """
    kept = read(catalog_path(app, language, root), language)
    others = [read(catalog_path(other, language, root), language) for other in APPS if other != app]
    catalog = extracted(app, language, root)
    gone = [message for message in kept.entries() if not catalog.entry(message)]
    for message in catalog.entries():
        for known in (kept, *others):
            found = known.entry(message)
            if found and found.pluralizable == message.pluralizable and translated(found):
                message.string, message.user_comments = found.string, found.user_comments
                message.flags |= found.flags & {"fuzzy"}
                break
        else:
            take_similar(message, gone)
    return catalog, gone


def take_similar(message: Message, gone: list[Message]) -> None:
    """Give a new entry the translation of a very similar one that disappeared, as fuzzy."""
    similar = {
        str(old.id): old
        for old in gone
        if translated(old) and old.pluralizable == message.pluralizable
    }
    for name in get_close_matches(str(message.id), similar, n=1, cutoff=0.8):
        message.string = similar[name].string
        message.flags.add("fuzzy")


def forms_of(message: Message) -> list[str]:
    """Return the translations of the plural forms of an entry, or of an entry without."""
    return [*message.string] if isinstance(message.string, list | tuple) else [message.string or ""]


def translated(message: Message) -> bool:
    """Whether each plural form of the entry has a translation."""
    return all(forms_of(message))


def update(app: str, language: str, root: Path = ROOT) -> list[str]:
    """Write an app's .po file for its sources of today; say what it dropped and what it lacks."""
    path = catalog_path(app, language, root)
    catalog, gone = updated(app, language, root)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(catalog.text)
    missing = sum(not translated(message) for message in catalog.entries())
    total = len(list(catalog.entries()))
    said = [f"{app}/{language}: {total} entries, {missing} without a translation"]
    return said + [f"  dropped: {message.id!r} = {message.string!r}" for message in gone]


def compile_catalog(app: str, language: str, root: Path = ROOT) -> list[str]:
    """Write an app's .mo file."""
    path = catalog_path(app, language, root)
    path.with_suffix(".mo").write_bytes(read(path, language).compiled)
    return []


def check(app: str, language: str, root: Path = ROOT) -> list[str]:
    """Return what is wrong with an app's catalog: an empty list if it is complete."""
    path = catalog_path(app, language, root)
    catalog = read(path, language)
    faults = list(faults_of_entries(catalog))
    if not path.exists() or updated(app, language, root)[0].text != path.read_bytes():
        known = {(entry.context, entry.id) for entry in catalog.entries()}
        marked = extracted(app, language, root)
        faults += [f"not in the file: {m.id!r}" for m in marked.entries() if not catalog.entry(m)]
        faults += [f"no longer marked: {name!r}" for _, name in sorted(known, key=str)
                   if not any(name == m.id for m in marked.entries())]  # fmt: skip
        faults.append("the file is not what `update` writes")
    compiled = path.with_suffix(".mo")
    if not compiled.exists() or compiled.read_bytes() != catalog.compiled:
        faults.append("the .mo file is not what `compile` writes")
    return [f"{app}/{language}: {fault}" for fault in faults]


def faults_of_entries(catalog: Catalog) -> Iterator[str]:
    """Yield what is missing, fuzzy, obsolete or unlike its msgid in what must be equal."""
    for message in catalog.obsolete.values():
        yield f"obsolete: {message.id!r}"
    for message in catalog.entries():
        if message.fuzzy:
            yield f"fuzzy: {message.id!r}"
        forms = forms_of(message)
        if not translated(message) or len(forms) != len(number_of_forms(message, catalog)):
            yield f"missing: {message.id!r}"
            continue
        for msgid, form in zip(number_of_forms(message, catalog), forms, strict=True):
            for fault in differences(msgid, form):
                yield f"{fault}: {msgid!r} = {form!r}"


def number_of_forms(message: Message, catalog: Catalog) -> list[str]:
    """Return the msgid that belongs to each form: the singular for the first, else the plural."""
    if not message.pluralizable:
        return [str(message.id)]
    return [message.id[0], *[message.id[1]] * (catalog.num_plurals - 1)]


def differences(msgid: str, form: str) -> Iterator[str]:
    """Yield what a translation must share with its msgid and does not."""
    if Counter(PLACEHOLDER.findall(msgid)).keys() != Counter(PLACEHOLDER.findall(form)).keys():
        yield "placeholders differ"
    if sorted(TAG.findall(msgid)) != sorted(TAG.findall(form)):
        yield "tags differ"
    if space_around(msgid) != space_around(form):
        yield "white space at an end differs"
    if "%(" in msgid:
        try:
            form % {name: 0 for name, _ in PLACEHOLDER.findall(msgid)}
        except (KeyError, ValueError, TypeError) as error:
            yield f"cannot be formatted ({error})"


def space_around(text: str) -> tuple[str, str]:
    """Return the white space at the start and at the end."""
    return text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]


def disagreements(language: str, root: Path = ROOT) -> list[str]:
    """Return the msgids that two apps translate differently: Django would show one for both."""
    seen: dict[tuple[str | None, str, bool], tuple[str, list[str]]] = {}
    faults = []
    for app in APPS:
        for message in read(catalog_path(app, language, root), language).entries():
            name = message.id if isinstance(message.id, str) else message.id[0]
            key = (message.context, str(name), message.pluralizable)
            first, known = seen.setdefault(key, (app, forms_of(message)))
            if known != forms_of(message):
                forms = message.string
                faults.append(
                    f"{first} and {app}/{language} differ: {name!r} = {known!r}, {forms!r}"
                )
    return faults


def union(path: Path, other: bytes | None = None) -> list[str]:
    """Merge two versions of a .po file by entries; of two new translations the first stays.

    Without `other`, the versions are both sides of a merge that git could not finish. Where only
    one side has changed a translation since they parted, that one stays.
    """
    language = path.parent.parent.name
    first, base = path.read_bytes(), b""
    if other is None:
        base, first, other = (staged(path, stage) for stage in (1, 2, 3))
    before, catalog, said = read(base, language), read(first, language), []
    for message in read(other, language).entries():
        mine, former = catalog.entry(message), before.entry(message)
        if mine is None:
            catalog.take(message)
        elif not translated(mine) or (former and mine.string == former.string):
            mine.string, mine.flags = message.string, message.flags
        elif message.string not in (mine.string, former and former.string, ""):
            said.append(f"kept {mine.string!r}, not {message.string!r}, for {mine.id!r}")
    path.write_bytes(catalog.text)
    return said


def staged(path: Path, stage: int) -> bytes:
    """Return one side of an unfinished merge: 1 is what both began with, 2 is ours, 3 is theirs."""
    command = ["git", "show", f":{stage}:./{path.name}"]
    shown = subprocess.run(  # nosec B603 B607  # fixed words, and the name of a file
        command, cwd=path.parent, capture_output=True, check=stage > 1
    )
    return shown.stdout if shown.returncode == 0 else b""


def main(arguments: list[str]) -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser("python -m tools.translations", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("command", choices=["update", "compile", "check", "union"])
    parser.add_argument("names", nargs="*", help="apps, or the files of union")
    parser.add_argument("--language", help="one language, which may be new")
    options = parser.parse_args(arguments)
    if options.command == "union":
        files = [Path(name).resolve() for name in options.names]
        print("\n".join(union(files[0], files[1].read_bytes() if files[1:] else None)))
        return 0
    apps = [name.rstrip("/") for name in options.names] or list(APPS)
    chosen = [options.language] if options.language else languages() or ["es"]
    run = {"update": update, "compile": compile_catalog, "check": check}[options.command]
    said = [line for language in chosen for app in apps for line in run(app, language)]
    if options.command == "check":
        said += [fault for language in chosen for fault in disagreements(language)]
    print("\n".join(said or [f"{options.command}: {', '.join(chosen)} in {', '.join(apps)}"]))
    return 1 if options.command == "check" and said else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
