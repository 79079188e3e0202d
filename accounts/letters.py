"""A mail as its parts, and the two forms of it that are sent: plain text and HTML.

Both forms show the same parts, so that they cannot differ. The HTML has one template, with simple
tables, no image and nothing that is read from the network.
"""

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string

from accounts.messages import EMAIL, Message
from extensions.text import BIDIRECTIONAL, CONTROLS

WIDTH = 78  # characters in a line of plain text (RFC 5322, section 2.1.1)
LONGEST_SUBJECT = 150
# RFC 3834: answering machines leave such a mail without an answer.
HEADERS = {"Auto-Submitted": "auto-generated"}


def plain(text: Any) -> str:
    """Return the text as one line, without control characters and changes of direction.

    Subjects and sentences contain what staff and patients type: a line break would end a header,
    and a right-to-left override would reverse the rest of the sentence.
    """
    kept = (
        "" if each in BIDIRECTIONAL else " " if _is_control(each) else each for each in str(text)
    )
    return " ".join("".join(kept).split())


def plain_lines(text: Any) -> list[str]:
    """Return the lines of a text of several lines, such as an address, each as `plain`."""
    return [line for line in map(plain, str(text).splitlines()) if line]


@dataclass(frozen=True)
class Letter:
    """The parts of a mail, in the order in which they are shown.

    `facts`: pairs of a label and its lines. `items`: a list under `list_title`. `code`: a token,
    alone on its line. `link`: an address, and `button` what it does. `footer`: why it was sent.
    `short`: all of it in a sentence, for SMS and push.
    `lists_times`: the facts are a list of times, so the template emphasizes none of them.
    """

    subject: str
    heading: str
    paragraphs: tuple[str, ...] = ()
    facts: tuple[tuple[str, list[str]], ...] = ()
    list_title: str = ""
    items: tuple[str, ...] = ()
    link: str = ""
    button: str = ""
    before_code: str = ""
    code: str = ""
    notes: tuple[str, ...] = ()
    footer: str = ""
    short: str = ""
    lists_times: bool = False

    def as_short_message(self, channel: str, targets: Sequence[str]) -> Message:
        """Return the letter as a short message, by SMS or to the devices with these tokens."""
        first, *others = targets
        text = plain(self.short or self.heading)
        return Message(channel, first, plain(self.heading), text, also_to=(*others,))

    def as_mail(self, address: str, **more: Any) -> Message:
        """Return the letter as a mail to the address. `more`: further parts of the Message."""
        html = render_to_string("accounts/mail/letter.html", {"letter": self})
        alternatives = ((html, "text/html"), *more.pop("alternatives", ()))
        subject = textwrap.shorten(plain(self.subject), LONGEST_SUBJECT, placeholder="…")
        return Message(
            EMAIL, address, subject, self.as_text(), alternatives, headers=HEADERS, **more
        )

    def as_text(self) -> str:
        """Return the letter as plain text, in lines of at most WIDTH characters.

        A word longer than that, such as a link, stays in one piece.
        """
        return "\n\n".join(filter(None, self._blocks())) + "\n"

    def _blocks(self) -> Iterator[str]:
        yield _filled(self.heading)
        yield from map(_filled, self.paragraphs)
        yield "\n".join(self._facts_as_lines())
        if self.items:
            items = (_filled(f"- {item}", "  ") for item in self.items)
            yield "\n".join([_filled(self.list_title), *items])
        yield _filled(f"{self.button}:") + f"\n{self.link}" if self.link else ""
        yield _filled(self.before_code)
        yield self.code
        yield from map(_filled, self.notes)
        yield f"-- \n{_filled(self.footer)}" if self.footer else ""

    def _facts_as_lines(self) -> Iterator[str]:
        if self.lists_times:  # the labels are names of locations, and may be long
            for label, lines in self.facts:
                yield from (_filled(f"{label}:"), *(_filled(f"  {x}", "  ") for x in lines))
            return
        width = max((len(label) for label, _ in self.facts), default=0) + 2
        for label, lines in self.facts:
            heads = (f"{label}:".ljust(width), *[" " * width] * len(lines))
            for head, line in zip(heads, lines, strict=False):
                yield _filled(head + line, " " * width)


def _filled(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text,
        WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in CONTROLS
