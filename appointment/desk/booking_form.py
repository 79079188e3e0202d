"""What the booking page and the panels of the day page share: who, why, and the booking itself.

Each form has a key, so that a double click or a form that is sent again books once.
"""

import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, cast
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django_htmx.http import push_url, trigger_client_event

from accounts.models import AuditEvent
from appointment.admin.forms import ReasonField
from appointment.desk.access import ADD_VISITS, VIEW_PATIENTS
from appointment.desk.answers import Said, not_booked_sentence, person_name, visit_sentence
from appointment.desk.booking_people import NewPersonForm, find_bookable, typed_person
from appointment.desk.booking_query import OfferedTime
from appointment.desk.pages import CHANGED, REFUSALS, DeskPage, refusal_text
from appointment.desk.people import FoundPeople, is_long_enough, person_line, spoken_phone
from appointment.desk.reasons import BOOKED_BY_MISTAKE
from appointment.desk.visits import BEGUN, IS_CANCELED, needs_a_reason
from appointment.models import Appointment
from appointment.models.event import LIVE, Status
from appointment.models.idempotency import save_form_once
from appointment.named_search import bookable_patients
from doctor.models import Slot
from extensions.formats import instant_text
from extensions.rest.converters import IdConverter
from extensions.rest.idempotency import Answer
from patient.models import Patient

ADD_PATIENTS = "patient.add_patient"
FORM_KEY = re.compile("[A-Za-z0-9_-]{22}")
TIME = re.compile(f"({IdConverter.regex})( squeeze)?")  # what the button of a time sends
SAME = re.compile(f"({IdConverter.regex}) (.+)")  # a person who is there already, and the time
ANOTHER = re.compile("([0-9,]*) (.+)")  # the people whom the page asked about, and the time
CHOOSE_PERSON = _("Choose a person first, or enter a new one.")
CHOOSE_TIME = _("Choose a time.")
CORRECT_PERSON = _("The new person cannot be saved yet: correct the fields in question.")
PERSON_GONE = _(
    "The person is not there any more: another user has merged or erased the record. Choose the "
    "person again."
)
TIME_GONE = _("This time is not there any more: another user has deleted it. Choose another one.")
ASK_SAME = _("This person may be there already, with this name and birth date or phone number.")
BOOKED = _("%(person)s is booked: %(visit)s.")
# What a form that is sent again says of a visit that has changed since it booked.
CHANGED_SINCE = {
    Status.CANCELED: IS_CANCELED,
    Status.COMPLETED: _("%(person)s is completed: %(visit)s."),
    Status.NO_SHOW: _("%(person)s is no-show: %(visit)s."),
}
# The heading of the confirmation, and its sentence; `visit`: doctor, time, site and its address.
WORDS: dict[str, tuple[Any, Any]] = {
    LIVE: (pgettext_lazy("heading", "Booked"), _("%(person)s is booked with %(visit)s.")),
    Status.CANCELED: (
        pgettext_lazy("heading", "Canceled"),
        _("%(person)s is not booked with %(visit)s."),
    ),
}
OVER = (pgettext_lazy("heading", "Over"), _("%(person)s was booked with %(visit)s."))
BOOKED_BEFORE = _("This form has booked before. To book another time, start a new booking.")


class ReasonForm(forms.Form):
    """Why the patient comes, and why staff set rules aside."""

    reason = ReasonField(label=_("Reason of the visit"))
    because = ReasonField(label=_("Book anyway because"))


@dataclass(frozen=True)
class Choice:
    """What the pressed button says.

    `patient`: the key of a person whom the page has proposed as the same. `confirmed`: the keys of
    the proposed people, none of whom is the new person, joined by commas.
    """

    slot: int
    squeeze: bool = False
    patient: int | None = None
    confirmed: str = ""

    @classmethod
    def of(cls, sent: Any) -> "Choice | None":
        """Return the choice that a POST has; None without a time."""
        patient, confirmed, typed = None, "", sent.get("time", "")
        if found := SAME.fullmatch(sent.get("same", "")):
            patient, typed = int(found[1]), found[2]
        elif found := ANOTHER.fullmatch(sent.get("another", "")):
            confirmed, typed = found[1], found[2]
        time = TIME.fullmatch(typed)
        return cls(int(time[1]), bool(time[2]), patient, confirmed) if time else None


class BookingView(DeskPage):
    """A page or a panel on which staff choose a person and book a time for them.

    `region`: the id of the element that holds it. `region_template`: what is in that element.
    `carried`: the parameters that its links keep; a script reads `typed` of them from the page.
    """

    permission: ClassVar[str] = ADD_VISITS
    permission_to_change: ClassVar[str] = ADD_VISITS
    region: ClassVar[str] = "panel"
    region_template: ClassVar[str] = "desk/booking/panel.html"
    carried: ClassVar[tuple[str, ...]] = ()
    typed: ClassVar[tuple[str, ...]] = ()
    asked: tuple[list[Patient], Choice] | None = None  # who may be the new person
    has_gone = False  # whether the form names a person or a time that is not there, or elsewhere

    # --- Requests ---

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page, the panel, or the people whom a search finds."""
        fragment = request.GET.get("fragment")
        if fragment == "people":
            return self.page(template="desk/booking/people.html", **self.search())
        said = None
        if self.person is not None:
            self.record_person(self.person)
        elif self.person_is_gone:
            said = Said(str(PERSON_GONE), refused=True)
        part = "desk/booking/person_part.html" if fragment == "person" else ""
        return self.show(part, said=said)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Book the time of the pressed button."""
        said, visit = self.book_once(Choice.of(request.POST))
        return self.confirmed(said, visit) if visit else self.refused(said)

    @property
    def is_opened(self) -> bool:
        """Whether the page is opened by its URL: a key without a row is 404 then.

        In a form, and in a part of an open page, the row may have gone since: a sentence says so.
        """
        return self.request.method == "GET" and "fragment" not in self.request.GET

    @cached_property
    def named_slot(self) -> Slot | None:
        """The time for which the page was opened; None without one, or if it has gone since.

        Raises Http404 where an opened page names a time that is not at a site of the user.
        """
        key = self.key("slot")
        found = self._slot_of(key)
        if key is not None and found is None and self.is_opened:
            raise Http404(gettext("There is no such time."))
        return found

    @cached_property
    def wanted(self) -> Slot | None:
        """The time of the pressed button, else that for which the page was opened, else None."""
        choice = Choice.of(self.request.POST)
        return self._slot_of(choice.slot) if choice else self.named_slot

    def _slot_of(self, key: int | None) -> Slot | None:
        rows = Slot.objects.at_sites_of(self.user).select_related("doctor", "location")
        return None if key is None else rows.filter(pk=key).first()

    # --- Who ---

    @cached_property
    def person(self) -> Patient | None:
        """The chosen person; None without one, or if the person has gone since.

        Raises Http404 where an opened page names a person for whom the user may not book.
        """
        key = self.key("patient")
        try:
            return None if key is None else self.person_of(key)
        except Patient.DoesNotExist:
            if self.is_opened:
                raise Http404(gettext("There is no such person.")) from None
            return None

    @property
    def person_is_gone(self) -> bool:
        """Whether the form or the part names a person who is not there, or out of reach."""
        return self.person is None and self.key("patient") is not None

    def person_of(self, key: int) -> Patient:
        """Return the person with this key; raises DoesNotExist for one out of the user's reach."""
        if not self.user.is_staff_with(VIEW_PATIENTS):
            raise Patient.DoesNotExist
        return bookable_patients(self.request).get(pk=key)

    @cached_property
    def new_person(self) -> NewPersonForm | None:
        """The form of a new person, as typed; None while no form is open."""
        sent = self.request.POST.dict() if "last_name" in self.request.POST else None
        opened = sent is not None or "new" in self.request.GET
        if self.person is not None or not opened or not self.may_add_people:
            return None
        # Dates and phone numbers are read as the country of the booked site writes them.
        site = self.wanted.location if self.wanted else self.site
        data = sent and {**sent, "location": str(site.pk) if site else ""}
        first = typed_person(self.request.GET.get("q", ""))
        restricted = self.user.sites is not None
        form = NewPersonForm(data, initial=first, site=site, restricted=restricted)
        form.focus_first()
        return form

    @property
    def may_add_people(self) -> bool:
        """Whether the user may enter a new person."""
        return self.user.is_staff_with(ADD_PATIENTS)

    def search(self) -> dict[str, Any]:
        """Return what the list of people shows, and record the search."""
        if not self.user.is_staff_with(VIEW_PATIENTS):
            raise PermissionDenied
        text = self.request.GET.get("q", "")
        typing = "typing" in self.request.GET
        found = find_bookable(self.request, text, named=not typing)
        if is_long_enough(text) or (text.strip() and not typing):
            self.record_page("desk.search")
        return {"view": self, "found": found, "rows": self.rows_of(found)}

    def rows_of(self, found: FoundPeople) -> list[dict[str, Any]]:
        """Return the people with their links."""
        return [
            {
                "person": each,
                "line": person_line(each),
                "address": each.address if each.pk in found.in_doubt else "",
                "links": self.links(patient=each.pk),
            }
            for each in found.people
        ]

    # --- What the templates show ---

    @property
    def path(self) -> str:
        """The path of this page."""
        return reverse(f"desk:{self.request.resolver_match.url_name}")  # type: ignore[union-attr]

    @cached_property
    def state(self) -> dict[str, str]:
        """The parameters that links keep, as they were sent."""
        sent = {**self.request.POST.dict(), **self.request.GET.dict()}
        return {name: str(sent[name]) for name in self.carried if sent.get(name)}

    def link(self, **more: Any) -> str:
        """Return the URL of this page with its parameters and these; None takes one out."""
        query = {**self.state, **more}
        return f"{self.path}?{urlencode({k: v for k, v in query.items() if v is not None})}"

    def links(self, **more: Any) -> dict[str, str]:
        """Return the URL of this page with these parameters, and that of its part for a script."""
        return {"href": self.link(**more), "get": self.fragment_link("person", **more)}

    def fragment_link(self, fragment: str, **more: Any) -> str:
        """Return the URL of a part of this page; a script adds what is typed into the page."""
        return self.link(**{**dict.fromkeys(self.typed), "fragment": fragment, **more})

    @cached_property
    def reasons(self) -> ReasonForm:
        """The form of the two reasons, as typed."""
        data = self.request.POST or self.request.GET
        form = ReasonForm({name: data.get(name, "") for name in ("reason", "because")})
        form.is_valid()
        return form

    @property
    def because(self) -> str:
        """Why staff set rules aside; "" where no valid reason is given."""
        return str(self.reasons.cleaned_data.get("because", ""))

    def offers(self) -> list[OfferedTime]:
        """Return the times that the page shows as buttons."""
        raise NotImplementedError

    def region_context(self) -> dict[str, Any]:
        """Return the context of the region."""
        text = self.request.GET.get("q", "")
        searched = bool(text) and self.person is None and self.new_person is None
        return {
            "view": self,
            "person": self.person,
            "person_line": self.person and person_line(self.person),
            "new_person": self.new_person,
            "question": self._question(),
            "reasons": self.reasons,
            "form_key": self._sent_key() or secrets.token_urlsafe(16),
            "q": text,
            "people_link": self.fragment_link("people"),
            "search_links": self.links(),
            "new_links": self.links(new=1, **({"q": text} if text else {})),
            **(self.search() if searched else {}),
        }

    def show(self, part: str = "", **more: Any) -> HttpResponse:
        """Return the whole page, its region for a script, or the part that this template makes."""
        context = {**self.region_context(), **more}
        region = self.region_template if self.request.htmx else ""  # type: ignore[attr-defined]
        return self.page(template=part or region, **context)

    def _question(self) -> dict[str, Any] | None:
        """Return the people who may be the new person, with the choices that the buttons send."""
        if self.asked is None:
            return None
        people, choice = self.asked
        time = f"{choice.slot}{' squeeze' if choice.squeeze else ''}"
        return {
            "people": [(person_line(each), f"{each.pk} {time}") for each in people],
            "another": f"{_keys(people)} {time}",
        }

    # --- Booking ---

    def book_visit(self, visit: Appointment, choice: Choice) -> None:
        """Call the verb that books the visit."""
        visit.book(override_reason=self.because)

    def book_once(self, choice: Choice | None) -> tuple[Said, Appointment | None]:
        """Book for the chosen or the new person, once for this form; return the visit or None.

        The key comes first of all locks, so no transaction is open before it.
        """
        if choice is None:
            return Said(str(CHOOSE_TIME), refused=True), None
        if refusal := self._incomplete(choice):
            return Said(refusal, refused=True), None
        if people := self._maybe_same(choice):
            self.asked = (people, choice)
            self.record_people(people)
            return Said(str(ASK_SAME), refused=True), None
        try:
            return self._said_of(self._save_once(choice), choice)
        except REFUSALS as error:
            return Said(self._not_booked(error), refused=True), None

    def _not_booked(self, error: Exception) -> str:
        """Return the sentences that name person, doctor, time and site, and say why not."""
        self.has_gone = isinstance(error, Patient.DoesNotExist | Slot.DoesNotExist)
        if isinstance(error, Patient.DoesNotExist):
            return str(PERSON_GONE)
        person = self.person or (self.new_person and self.new_person.instance)
        why = TIME_GONE if isinstance(error, Slot.DoesNotExist) else refusal_text(error)
        name = person.name if person else gettext("The person")
        return not_booked_sentence(name, self.wanted, str(why))

    def record_people(self, people: list[Patient]) -> None:
        """Record that the user sees these people."""
        AuditEvent.objects.record("read", Patient, people, role=AuditEvent.Role.STAFF)

    def _incomplete(self, choice: Choice) -> str:
        """Return the sentence that says what the form lacks; "" if nothing."""
        if not self.reasons.is_valid():
            return " ".join(str(text) for texts in self.reasons.errors.values() for text in texts)
        if choice.patient is not None or self.person is not None:
            return ""
        if self.person_is_gone:
            self.has_gone = True
            return str(PERSON_GONE)
        if self.new_person is None:
            return str(CHOOSE_PERSON)
        return "" if self.new_person.is_valid() else str(CORRECT_PERSON)

    def _maybe_same(self, choice: Choice) -> list[Patient]:
        """Return the people who may be the new person, unless the user has confirmed it."""
        if choice.patient is not None or self.new_person is None:
            return []
        if not self.user.is_staff_with(VIEW_PATIENTS):
            return []
        people = self.new_person.maybe_same(bookable_patients(self.request))
        return [] if choice.confirmed == _keys(people) else people

    def _save_once(self, choice: Choice) -> Answer:
        """Book, or return the answer that this form got when it was sent before."""
        key = self._sent_key()
        if key is None:  # of a script: booked each time
            with transaction.atomic():
                return self._save(choice)
        digest = hashlib.sha256(f"{self.path} {key}".encode()).hexdigest()
        return cast(Answer, save_form_once(self.user, f"form:{digest}", lambda: self._save(choice)))

    def _save(self, choice: Choice) -> Answer:
        """Save the new person, if there is one, and book, in the transaction of the caller."""
        if self.wanted is None:
            raise Slot.DoesNotExist
        visit = Appointment(
            patient=self._patient(choice),
            slot=self.wanted,
            reason=self.reasons.cleaned_data["reason"],
            booked_by=self.user,
        )
        self.book_visit(visit, choice)
        return Answer(200, json.dumps({"visit": visit.pk, "slot": choice.slot}))

    def _patient(self, choice: Choice) -> Patient:
        if choice.patient is not None:
            return self.person_of(choice.patient)
        if self.person is not None:
            return self.person
        if self.new_person is None:
            raise Patient.DoesNotExist
        patient: Patient = self.new_person.instance
        patient.enroll()
        return patient

    def _said_of(self, answer: Answer, choice: Choice) -> tuple[Said, Appointment | None]:
        """Return the sentence about the booked visit, and the visit.

        A form that was sent again with another time or person has booked nothing more: the sentence
        says so. It says how the visit stands now.
        """
        first = json.loads(answer.body)
        visit = Appointment.objects.at_sites_of(self.user).with_names().get(pk=first["visit"])
        person = choice.patient or (self.person and self.person.pk) or visit.patient_id
        if (choice.slot, person) != (first["slot"], visit.patient_id):
            return Said(str(BOOKED_BEFORE), refused=True, links=(self._new_booking(),)), None
        if visit.status != LIVE:
            return Said(visit_sentence(visit, str(CHANGED_SINCE[Status(visit.status)]))), visit
        return Said(visit_sentence(visit, self.done)), visit

    @property
    def done(self) -> str:
        """The sentence about the visit."""
        return str(BOOKED)

    def _new_booking(self) -> tuple[str, str]:
        return reverse("desk:book"), gettext("Book another")

    def _sent_key(self) -> str | None:
        """Return the form key that a POST has, or None; a made-up value counts as none."""
        sent = self.request.POST.get("form_key", "")
        return sent if FORM_KEY.fullmatch(sent) else None

    # --- Answers ---

    def confirmed(self, said: Said, visit: Appointment) -> HttpResponse:
        """Answer a booking with its confirmation."""
        place = f"{reverse('desk:book')}?booked={visit.pk}"
        if not self.request.htmx:  # type: ignore[attr-defined]
            return HttpResponseRedirect(place)
        context = confirmation_of(visit, self.at)
        response = self.answer(said, "desk/booking/booked.html", region=self.region, **context)
        return push_url(response, place) if self.region == "booking" else response

    def refused(self, said: Said) -> HttpResponse:
        """Answer a refusal: the times are read again, and what was typed stays."""
        vars(self).pop("person", None)  # another user may have changed the record: read it again
        if not self.request.htmx:  # type: ignore[attr-defined]
            return self.show(said=said, status=404 if self.has_gone else 200)
        context = {**self.region_context(), "said": said}
        response = self.page(template="desk/booking/refused.html", **context)
        return trigger_client_event(response, CHANGED)


def confirmation_of(visit: Appointment, at: datetime) -> dict[str, Any]:
    """Return the context of the confirmation: what the user reads out, and what may follow.

    `mistake`: what the button sends that cancels a visit booked by mistake.
    """
    site = visit.location
    where = ", ".join(filter(None, (" ".join(site.address.split()), spoken_phone(site.phone))))
    start = instant_text(visit.starts_at, site.zone)
    place = ", ".join(filter(None, (str(visit.doctor), start, str(site), where)))
    heading, sentence = WORDS.get(visit.status, OVER)
    mistake = {"reason": BOOKED_BY_MISTAKE}
    if needs_a_reason(visit, at) == BEGUN:
        mistake["override_reason"] = BOOKED_BY_MISTAKE
    return {
        "visit": visit,
        "heading": heading,
        "sentence": sentence % {"person": person_name(visit), "visit": place},
        "is_live": visit.status == LIVE,
        "is_coming": visit.status == LIVE and visit.checked_in_at is None,
        "mistake": mistake,
    }


def _keys(people: list[Patient]) -> str:
    return ",".join(str(each.pk) for each in people)
