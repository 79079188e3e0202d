"""What the desk does with the visits to rebook: move, cancel, keep, and note a call."""

import re
from collections.abc import Iterable
from functools import partial
from typing import Any

from django.core.exceptions import BadRequest, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEvent
from appointment.admin.forms import ReasonField
from appointment.desk.answers import Said, visit_sentence
from appointment.desk.away import AwayParts
from appointment.desk.away_query import MOST_VISITS, ProposedTime, Rebooking
from appointment.desk.reasons import REBOOK_REASONS, chosen_reason
from appointment.desk.visits import IS_CANCELED, IS_MOVED, IS_MOVED_FROM
from appointment.models import Appointment
from appointment.models.alternatives import propose_times
from appointment.models.event import LIVE, Status
from doctor.models import Slot
from extensions.db.retry import retry_on_conflict
from extensions.formats import instant_text
from extensions.rest.converters import IdConverter

MOVE, CANCEL, KEEP, CALLED = "move", "cancel", "keep", "called"
PAIR = re.compile(rf"({IdConverter.regex}):({IdConverter.regex})")
NO_ACTION = _("The form names no action.")
NO_VISITS = _("These are no visits of the page.")
NOT_LISTED = _("%(person)s is not to be rebooked any more: %(visit)s.")
NOT_MOVED = _("%(person)s is not moved: %(visit)s.")
NOT_CANCELED = _("%(person)s is not canceled: %(visit)s.")
NONE_PROPOSED = _("No visit is named: no time is proposed for any.")


class RebookParts(AwayParts):
    """What the actions on one visit and on all of them share."""

    def known(self) -> Any:
        """The visits at the sites of the user, on the list or not."""
        return Appointment.objects.at_sites_of(self.user).with_names()

    def visits(self) -> Any:
        """The visits to rebook at the sites of the user."""
        return self.known().to_rebook()

    def typed(self, name: str) -> str:
        """Return the text typed into this field; raises ValidationError."""
        return ReasonField().clean(self.request.POST.get(name, ""))

    def move(self, visit: Appointment, slot: int) -> Said:
        """Move the visit; returns the sentence."""
        start = instant_text(visit.starts_at, visit.location.zone)
        override = self.typed("override_reason")
        try:
            visit.reschedule(slot, self.user, self.at, override, listed=True)
        except Appointment.DoesNotExist:  # moved, canceled or kept at the same moment
            visit.reload()
            return off_the_list(visit, slot)
        return Said(visit_sentence(visit, str(IS_MOVED_FROM), start=start))

    def instead(self, visits: Iterable[Appointment]) -> dict[int, str]:
        """Propose other times for these visits; map their keys to the sentence that says which.

        A visit that is not to be rebooked any more is left out.
        """
        rows = self.visits().filter(pk__in=[visit.pk for visit in visits])
        propose_times(rows, self.at, self.user)
        found = Rebooking(self.user, self.at)
        found.visits = list(rows)
        return {
            row.visit.pk: gettext("Proposed instead: %(time)s.") % {"time": row.times[0].label}
            if row.times
            else gettext("No other time is free to propose.")
            for row in found.rows
        }

    def answer_list(self, said: Said, **more: Any) -> HttpResponse:
        """Answer with the sentence and the results; the panel is emptied if it sent the form."""
        done = bool(self.request.POST.get("panel")) and not said.refused
        return self.answer(said, "desk/away_said.html", empty_panel=done, **more)


class RebookVisit(RebookParts):
    """One visit to rebook: the panel with what needs a reason, and the actions."""

    def get(self, request: HttpRequest, appointment_id: int) -> HttpResponse:
        """Show the visit in the panel; without a script, on the whole page."""
        visit = self._visit(appointment_id)
        if not visit.is_to_rebook:
            if not request.htmx:  # type: ignore[attr-defined]
                raise Http404(gettext("There is no such visit."))
            return self.answer(off_the_list(visit))
        AuditEvent.objects.record("read", visit, [visit.patient] if visit.patient else [])
        found = Rebooking(self.user, self.at)
        found.visits = [visit]
        slot = str(self.key("slot") or "")
        panel: dict[str, Any] = {
            "row": found.rows[0],
            "slot": slot,
            "do": request.GET.get("do", MOVE),
        }
        if request.htmx:  # type: ignore[attr-defined]
            return self.page(template="desk/rebook.html", **panel)
        return self.page(rebooking=self.rebooking(), typed={}, panel=True, **panel)

    def post(self, request: HttpRequest, appointment_id: int) -> HttpResponse:
        """Do with the visit what the form says."""
        verbs = {MOVE: self._move, KEEP: self._keep, CALLED: self._note_call}
        visit = self._visit(appointment_id)
        if (verb := verbs.get(request.POST.get("do", ""))) is None:
            raise BadRequest(NO_ACTION)
        said = self.attempt(partial(verb, visit))
        if said.refused and verb == self._move:
            said = self._lost(visit, said)
        return self.answer_list(said)

    def _visit(self, pk: int) -> Appointment:
        """Return the visit, whether or not it is on the list; raises Http404 for another site's."""
        return get_object_or_404(self.known(), pk=pk)

    def _move(self, visit: Appointment) -> Said:
        slot = self.key("slot")
        if not visit.is_to_rebook:
            return off_the_list(visit, slot)
        return self.move(visit, slot or 0)

    def _keep(self, visit: Appointment) -> Said:
        if not (reason := self.typed("reason")):
            raise ValidationError(gettext("Say why the visit takes place all the same."))
        if not visit.is_to_rebook:
            return off_the_list(visit)
        visit.keep(reason, by=self.user, at=self.at)
        return Said(visit_sentence(visit, gettext("%(person)s is kept as booked: %(visit)s.")))

    def _note_call(self, visit: Appointment) -> Said:
        visit.note_call(by=self.user, at=self.at)
        called = gettext("%(person)s was called without an answer: %(visit)s.")
        return Said(visit_sentence(visit, called))

    def _lost(self, visit: Appointment, said: Said) -> Said:
        """Add to the refusal that the visit stays, and what is proposed instead."""
        visit.reload()
        if (instead := self.instead([visit]).get(visit.pk)) is None:
            return said
        slots = Slot.objects.at_sites_of(self.user).filter(pk=self.key("slot") or 0)
        labels = [ProposedTime(s, visit).label for s in slots.select_related("doctor", "location")]
        lost = f"{labels[0]}: " if labels else ""
        stays = visit_sentence(visit, str(NOT_MOVED))
        return Said(f"{lost}{said.text} {stays} {instead}", refused=True)


class RebookAll(RebookParts):
    """Move all visits that the page shows to their first time, or cancel all.

    Each visit has a transaction of its own: one that is refused stays, and the others are done.
    """

    def post(self, request: HttpRequest) -> HttpResponse:
        """Do it, and show a line for each visit."""
        if (do := request.POST.get("do")) not in (MOVE, CANCEL):
            raise BadRequest(NO_ACTION)
        moves = do == MOVE
        results = self._move_all() if moves else self._cancel_all()
        done = sum(not said.refused for said in results)
        text = done_text(moves, done, len(results)) if results else str(NONE_PROPOSED)
        said = Said(text, refused=done < len(results) or not results)
        if request.htmx:  # type: ignore[attr-defined]
            return self.answer_list(said, results=results, rebooking=self.rebooking())
        return self.page(rebooking=self.rebooking(), typed={}, said=said, results=results)

    def _move_all(self) -> list[Said]:
        """Move each visit to the time that the page has shown first."""
        pairs = self._pairs()
        visits = self.visits().in_bulk(list(pairs))
        results = {pk: self._try(self.move, visits[pk], pairs[pk]) for pk in pairs if pk in visits}
        instead = self.instead(visits[pk] for pk, said in results.items() if said.refused)
        for pk, sentence in instead.items():
            stays = visit_sentence(visits[pk], str(NOT_MOVED))
            results[pk] = Said(f"{stays} {results[pk].text} {sentence}", refused=True)
        return [*results.values(), *self._off_the_list(pairs, visits)]

    def _cancel_all(self) -> list[Said]:
        """Cancel each visit that the page has shown."""
        pks = self._keys()
        visits = self.visits().in_bulk(pks)
        results = {pk: self._try(self._cancel, visits[pk]) for pk in pks if pk in visits}
        refused = [pk for pk, said in results.items() if said.refused]
        for pk, visit in self.known().in_bulk(refused).items():
            stays = f"{visit_sentence(visit, str(NOT_CANCELED))} {results[pk].text}"
            results[pk] = Said(stays, True) if visit.is_to_rebook else off_the_list(visit)
        return [*results.values(), *self._off_the_list(dict.fromkeys(pks), visits)]

    def _try(self, verb: Any, visit: Appointment, *args: Any) -> Said:
        """Call the verb in a transaction; once more where the database broke a deadlock."""
        said: Said = retry_on_conflict(self.attempt)(partial(verb, visit, *args))
        return said

    def _cancel(self, visit: Appointment) -> Said:
        reason = chosen_reason(self.request.POST, REBOOK_REASONS)
        visit.cancel(by=self.user, reason=reason, at=self.at, listed=True)
        return Said(visit_sentence(visit, str(IS_CANCELED)))

    def _off_the_list(self, slots: dict[int, Any], listed: dict[int, Any]) -> list[Said]:
        """Return the lines about visits that were dealt with meanwhile: at another desk, or here.

        `slots` maps the keys that were sent to the time that was wanted, or to None.
        """
        known = self.known().in_bulk([pk for pk in slots if pk not in listed])
        lines = [off_the_list(visit, slots[pk]) for pk, visit in known.items()]
        gone = len(slots) - len(listed) - len(known)
        text = ngettext(
            "%(number)d visit not there any more.", "%(number)d visits not there any more.", gone
        ) % {"number": gone}
        return [*lines, Said(text, refused=True)] if gone else lines

    def _pairs(self) -> dict[int, int]:
        """Return the slot for each visit, as the page has shown them; raises BadRequest."""
        found = [PAIR.fullmatch(pair) for pair in self._words("firsts")]
        if None in found or len(found) > MOST_VISITS:
            raise BadRequest(NO_VISITS)
        return {int(pair[1]): int(pair[2]) for pair in found if pair}

    def _keys(self) -> list[int]:
        """Return the keys of the visits that the page has shown; raises BadRequest."""
        keys = self._words("visits")
        if len(keys) > MOST_VISITS or not all(re.fullmatch(IdConverter.regex, key) for key in keys):
            raise BadRequest(NO_VISITS)
        return [int(key) for key in dict.fromkeys(keys)]

    def _words(self, name: str) -> list[str]:
        return " ".join(self.request.POST.getlist(name)).split()


def done_text(moves: bool, done: int, tried: int) -> str:
    """Return the sentence that says how many of the visits were moved or canceled."""
    if moves and done < tried:
        text = gettext("%(done)d of %(tried)d visits moved, %(left)d not.")
    elif moves:
        text = gettext("%(done)d of %(tried)d visits moved.")
    elif done < tried:
        text = gettext("%(done)d of %(tried)d visits canceled, %(left)d not.")
    else:
        text = gettext("%(done)d of %(tried)d visits canceled.")
    return text % {"done": done, "tried": tried, "left": tried - done}


def off_the_list(visit: Appointment, slot: int | None = None) -> Said:
    """Return what to say of a visit that is not to be rebooked any more; `slot`: the one wanted.

    A visit that is in this slot has been moved by the first of two clicks.
    """
    if visit.status == LIVE and visit.moved and visit.slot_id == slot:
        return Said(visit_sentence(visit, str(IS_MOVED)))
    if visit.status == Status.CANCELED:
        canceled = gettext("%(person)s is canceled already: %(visit)s.")
        return Said(visit_sentence(visit, canceled), refused=True)
    return Said(visit_sentence(visit, str(NOT_LISTED)), refused=True)
