"""One mail of each kind, as the clinic of `tests/browser/clinic.py` sends it, for pictures."""

from datetime import datetime, timedelta
from html import escape
from typing import Any

from django.core import mail
from django.test import override_settings
from django.utils import timezone

from accounts.models import MailKind, OutgoingMessage, User
from accounts.sending import send_due
from accounts.tests.factories import UserFactory
from appointment.messages.daysheets import queue_daysheets
from appointment.models import Appointment, Offer
from appointment.tests.factories import WaitlistEntryFactory
from doctor.models import Doctor, Slot
from patient.models import Patient
from patient.tests.factories import DependentFactory
from tests.browser.clinic import Clinic

LINK = "https://clinic.example"
KINDS = ("booked", "moved", "canceled", "offer", "reminder", "daysheet")
OF_ACCOUNTS = ("verification", "password_reset", "new_device")
GAP = 16  # pixels between two mails


def every_mail(clinic: Clinic, language: str) -> dict[str, str]:
    """Return the HTML of a mail of each kind, in this language."""
    user = UserFactory(language=language, email_verified_at=timezone.now())
    own = clinic.person(user=user, preferred_language=language)
    child = DependentFactory(
        user=user, first_name="Leo", last_name=own.last_name, preferred_language=language
    )
    clinic.site.revise(phone="+34910123456", cancel_deadline_minutes=1440)
    clinic.site.revise(address="Calle de Alcalá 98\n28009 Madrid")
    with override_settings(LINK_URL=LINK):
        found = _of_visits(clinic, user, own, child)
        found["daysheet"] = _daysheet(clinic, language)
        for kind in OF_ACCOUNTS:
            reader = user
            if kind == MailKind.VERIFICATION:
                reader = UserFactory(language=language)
            OutgoingMessage.objects.enqueue(kind, reader.email, reader)
            found[kind] = _send(timezone.now())
    return found


def _of_visits(clinic: Clinic, user: User, own: Patient, child: Patient) -> dict[str, str]:
    now = timezone.now()
    doctor, colleague = clinic.doctors["Navarro"], clinic.doctors["Hartmann"]
    slots = list(_free(doctor, now))
    visit = Appointment(patient=own, slot=slots[0], booked_by=user).book()
    found = {"booked": _send(now)}
    visit.reschedule(slots[3], by=clinic.admin)
    found["moved"] = _send(now)
    found["reminder"] = _send(visit.starts_at - timedelta(hours=20))
    other = Appointment(patient=child, slot=slots[5], booked_by=user).book()
    _send(now)
    other.cancel(by=clinic.admin)
    found["canceled"] = _send(now)
    entry = WaitlistEntryFactory(patient=child, doctor=colleague)
    slot = _free(colleague, now)[0]
    entry.account = user.pk
    Offer.objects.all()._create_offer(slot, entry, now, now + timedelta(minutes=30))
    found["offer"] = _send(now)
    return found


def _free(doctor: Doctor, now: datetime) -> Any:
    later = now + timedelta(days=1)
    return Slot.objects.filter(doctor=doctor, taken=0, starts_at__gt=later).order_by("starts_at")


def _daysheet(clinic: Clinic, language: str) -> str:
    doctor = clinic.doctors["Navarro"]
    User.objects.filter(pk=doctor.user_id).update(
        email_verified_at=timezone.now(), language=language
    )
    doctor.choose_daysheet(True)
    tomorrow = timezone.now() + timedelta(days=1)
    for slot in _free(doctor, timezone.now())[1:6]:
        Appointment(patient=clinic.person(), slot=slot).book()
    mail.outbox.clear()
    at = tomorrow.replace(hour=6, minute=0)
    assert queue_daysheets(at) == 1
    OutgoingMessage.objects.exclude(kind="daysheet").delete()
    return _send(at)


def _send(at: datetime) -> str:
    """Send what is due; return the HTML of the last mail."""
    mail.outbox.clear()
    send_due(at)
    sent: Any = mail.outbox[-1]
    [html] = [part.content for part in sent.alternatives if part.mimetype == "text/html"]
    return str(html)


def side_by_side(mails: list[str], width: int) -> str:
    """Return a page that shows these mails beside one another, each as wide as this."""
    frames = "".join(
        f'<iframe width="{width}" srcdoc="{escape(each)}" frameborder="0"></iframe>'
        for each in mails
    )
    style = f"body{{margin:0}}main{{display:flex;gap:{GAP}px;align-items:start;width:max-content}}"
    script = (
        "for(const f of document.querySelectorAll('iframe'))"
        "f.onload=()=>f.height=f.contentDocument.documentElement.scrollHeight"
    )
    meta = '<meta name="color-scheme" content="light dark">'
    return f"{meta}<style>{style}</style><main>{frames}</main><script>{script}</script>"
