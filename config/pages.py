"""The start page, and the framed text with the same content that a demo prints at its start."""

from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.models import User
from appointment.demo.logins import LOGINS, PASSWORD, PATIENT, Login
from doctor.models import Schedule

LONGEST_MAIL = 200_000  # bytes at the end of a file of mails that are read
BETWEEN_MAILS = b"\n" + b"-" * 79 + b"\n"  # as Django's backend writes them


@dataclass(frozen=True)
class Link:
    """A link of the start page: its path on this server, its text, and what it leads to."""

    path: str
    name: Any
    what: Any


LINKS = (
    Link("/api/docs/", _("API docs"), _("Every call, to read and to try (Swagger UI).")),
    Link(
        "/api/doctor/doctors/",
        _("Browsable API"),
        _("Click through the data, starting at doctors."),
    ),
    Link("/admin/", _("Desk and admin"), _("A reception's day, a doctor's day, and all records.")),
    Link("/api-auth/login/", _("API login"), _("Sign in to the browsable API.")),
    Link("/api/schema/", _("OpenAPI schema"), _("The contract, for code generators.")),
)
PROBES = (
    Link("/healthz", _("Health"), _("The process lives.")),
    Link("/readyz", _("Readiness"), _("The database answers and is migrated.")),
)


@dataclass(frozen=True)
class Welcome:
    """What the start page and the box show; `base`: the server's URL without a trailing slash."""

    base: str
    logins: list[Login] = field(default_factory=list)
    doctor: int = 1

    @classmethod
    def to(cls, base: str) -> "Welcome":
        """Return the content; a demo's logins and free doctor are left out on a database error."""
        base = base.rstrip("/")
        try:
            return cls(base, demo_logins(), doctor_to_book()) if is_demo() else cls(base)
        except Error:
            return cls(base)

    @property
    def booking(self) -> str:
        """Shell commands that sign in and book; they work each time they are pasted."""
        email, password = "you@example.com", "your password"
        if PATIENT in self.logins:
            email, password = PATIENT.email, PASSWORD
        words = {"base": self.base, "doctor": self.doctor, "email": email, "password": password}
        return render_to_string("config/book.sh", words).strip()

    def context(self) -> dict[str, Any]:
        """Return the context of the template."""
        shown: dict[str, Any] = {"links": LINKS, "probes": PROBES, "password": PASSWORD}
        shown |= {"mailbox": mailbox(), "latest": LatestMail.read()}
        return {**shown, "logins": self.logins, "booking": self.booking}

    @translation.override("en")
    def box(self) -> str:
        """Return the box and the commands that book, in ASCII, which every terminal can show."""
        lines = ["The clinic is open.", "", *_column(("Start here", f"{self.base}/"))]
        lines += _column(*((link.name, self.base + link.path) for link in LINKS + PROBES))
        if self.logins:
            lines += ["", f"Sign in with the password {PASSWORD} as"]
            lines += _column(*((login.email, login.sees) for login in self.logins))
        if mailbox():
            lines += ["", f"Mail is written to {mailbox()}/"]
        framed = _frame([*lines, "", "Ctrl-C closes it."])
        return f"{framed}\n\nBook an appointment from another terminal:\n\n{self.booking}\n"


def is_demo() -> bool:
    """Whether ENVIRONMENT is demo."""
    return bool(settings.ENVIRONMENT == "demo")


def mailbox() -> str:
    """Return the folder where a demo writes its mail, or "" if mail is sent instead."""
    in_files = settings.EMAIL_BACKEND.endswith("filebased.EmailBackend")
    return str(settings.MAIL["EMAIL_FILE_PATH"]) if is_demo() and in_files else ""


@dataclass(frozen=True)
class LatestMail:
    """The newest mail in the folder of a demo: its subject, which holds no secret, and its file."""

    subject: str
    file: str

    @classmethod
    def read(cls) -> "LatestMail | None":
        """Return the newest mail; None without one, or where mail is sent instead."""
        folder = Path(mailbox() or "no folder")
        try:
            newest = max(folder.glob("*.log"), key=lambda file: file.stat().st_mtime, default=None)
            if newest is None:
                return None
            with newest.open("rb") as file:
                file.seek(max(0, newest.stat().st_size - LONGEST_MAIL))
                text = file.read()
        except OSError:  # a file may be deleted meanwhile
            return None
        last = text.rstrip(b"-\n").rpartition(BETWEEN_MAILS)[2]
        subject = message_from_bytes(last.lstrip(), policy=policy.default)["Subject"]
        return cls(" ".join(str(subject or "").split()), str(newest))


def demo_logins() -> list[Login]:
    """Return the logins of the demo whose accounts exist; another database may hold none."""
    emails = [login.email for login in LOGINS]
    existing = set(User.objects.filter(email__in=emails, is_active=True).values_list("email"))
    return [login for login in LOGINS if (login.email,) in existing]


def doctor_to_book() -> int:
    """Return the key of a doctor with free places within the coming days (UTC), or 1."""
    now = timezone.now()
    days = (now.date() + timedelta(days=2), now.date() + timedelta(days=12))
    sessions = Schedule.objects.open_to_bookings().filter(date__range=days).with_places(now)
    free = sessions.filter(available_slots__gt=0)  # type: ignore[misc]  # an annotation
    return free.values_list("doctor", flat=True).first() or 1


@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """Show the start page; it needs no login, reads no session and sets no cookie."""
    welcome = Welcome.to(request.build_absolute_uri("/"))
    return render(request, "config/start.html", welcome.context())


def _column(*rows: tuple[Any, Any]) -> list[str]:
    return [f"  {left!s:<24}{right}" for left, right in rows]


def _frame(lines: list[str]) -> str:
    width = max(map(len, lines))
    edge = f"+{'-' * (width + 4)}+"
    return "\n".join([edge, *(f"|  {line:<{width}}  |" for line in lines), edge])
