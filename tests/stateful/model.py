"""A model of the clinic without a database, which predicts the answer to every call.

The model takes nothing from the product. If the two differ, one of them is wrong. The model has no
time: all slots lie days ahead, and the location sets no rule.
"""

from tests.stateful.state import IN_LINE, Entry, Leave, Session, Slot, Span, Visit, overlap
from tests.stateful.waitlist import Waitlist


class Model(Waitlist):
    """The clinic. Each verb does what the product promises; the caller has asked for a refusal."""

    # --- Visits ---

    def book(self, pk: int, patient: int, slot: Slot, reason: str = "") -> None:
        """Add a visit. The patient leaves the line for which the slot fits."""
        self.visits[pk] = Visit(
            pk, patient, slot.pk, self.doctor_of(slot), slot.span, reason=reason
        )
        self.offer(self.end(self._fitting(patient, slot), "accepted"))

    def squeeze_in(self, pk: int, patient: int, slot: Slot) -> None:
        """Add a visit, and a place if the slot is full."""
        if self.taken(slot) >= slot.capacity:
            slot.capacity, slot.extra = slot.capacity + 1, slot.extra + 1
        self.book(pk, patient, slot)

    def cancel(self, visit: Visit) -> None:
        """Give the place back, and offer it to the first patient in line."""
        freed = self.end(self._replacing(visit), "expired")
        slot = self.slots[visit.slot or 0]
        self.release(slot)
        self.step += 1
        visit.status, visit.canceled_in = "canceled", self.step
        self.offer([slot, *freed])

    def discard(self, visit: Visit) -> None:
        """Delete a visit. Its patient can be offered again the slots that they gave up by it."""
        if visit.status == "scheduled":
            self.cancel(visit)
        del self.visits[visit.pk]

    def move(self, visit: Visit, to: Slot) -> None:
        """Move the visit to another slot, and offer the old place."""
        old, fitting = self.slots[visit.slot or 0], self._fitting(visit.patient, to)
        self.release(old)
        self.step += 1
        visit.gave_up[old.pk] = self.step
        visit.slot, visit.doctor, visit.span = to.pk, self.doctor_of(to), to.span
        visit.moved, visit.kept = True, 0
        self.offer([old])
        freed = self.end(fitting, "accepted")
        for entry in self._replacing(visit):  # they wait for an earlier time still
            if entry.offer and not self.fits(entry, self.slots[entry.offer]):
                freed.append(self.take_back(entry))
        self.offer(freed)

    def undo(self, visit: Visit) -> None:
        """Take a cancelation back: the visit has its place again."""
        visit.status, visit.canceled_in, visit.kept = "scheduled", None, 0

    def keep(self, visit: Visit) -> None:
        """Take a visit off the work list, whatever has hit it so far."""
        visit.kept = self.closures(self.slots[visit.slot or 0])

    def accept(self, entry: Entry, pk: int) -> None:
        """Book the offered place for a new visit with this key, or move the visit there."""
        slot = self.slots[entry.offer or 0]
        entry.status, entry.offer = "accepted", None
        if entry.replaces:
            self.move(self.visits[entry.replaces], slot)
        else:
            self.book(pk, entry.patient, slot)

    def _fitting(self, patient: int | None, slot: Slot) -> list[Entry]:
        """Return the patient's entries in line that wait for such a slot."""
        theirs = [e for e in self.entries.values() if e.patient == patient and e.status in IN_LINE]
        return [entry for entry in theirs if self.fits(entry, slot)]

    def _replacing(self, visit: Visit) -> list[Entry]:
        return [entry for entry in self.entries.values() if entry.replaces == visit.pk]

    # --- People ---

    def erase(self, patient: int) -> None:
        """Remove the patient's entries, cancel their coming visits, and detach all visits."""
        self.leave_waitlist(*(e for e in list(self.entries.values()) if e.patient == patient))
        self._cancel_all(patient)
        for visit in self.visits.values():
            if visit.patient == patient:
                visit.patient, visit.reason = None, ""
        self.deceased.discard(patient)

    def mark_deceased(self, patient: int) -> None:
        """End the patient's entries, and cancel their coming visits."""
        self.deceased.add(patient)
        freed = self.end([e for e in self.entries.values() if e.patient == patient], "expired")
        self._cancel_all(patient)
        self.offer(freed)

    def _cancel_all(self, patient: int) -> None:
        for visit in sorted(self.live_of(patient), key=lambda visit: visit.pk):
            self.cancel(visit)

    def no_merge(self, patient: int, other: int) -> str | None:
        """Return a part of the sentence against the merge of the other into the patient, or None.

        The patient has an account at most of one of the two.
        """
        if {patient, other} <= self.accounts:
            return "two different accounts"
        if len({patient, other} & self.deceased) == 1:
            return "marked deceased"
        spans = [visit.span for visit in self.live_of(other)]
        mine = self.live_of(patient)
        collide = any(overlap(visit.span, span) for visit in mine for span in spans)
        return "at the same time" if collide else None

    def merge(self, patient: int, other: int) -> None:
        """Give everything of the other to the patient; of two equal wishes the older one stays."""
        freed = self.end(self._duplicate_entries({patient, other}), "expired")
        if other in self.accounts:
            self.accounts.add(patient)
        for visit in self.visits.values():
            visit.patient = patient if visit.patient == other else visit.patient
        for entry in self.entries.values():
            entry.patient = patient if entry.patient == other else entry.patient
        self.declined |= {(patient, *time) for whose, *time in self.declined if whose == other}
        self.offer(
            {slot.pk: slot for slot in [*freed, *self._withdraw_colliding(patient)]}.values()
        )

    def _duplicate_entries(self, pair: set[int]) -> list[Entry]:
        waiting = [e for e in self.entries.values() if e.patient in pair and e.status in IN_LINE]
        older: dict[int, int] = {}  # the first entry for each doctor
        for entry in sorted(waiting, key=lambda entry: entry.pk):
            older.setdefault(entry.doctor, entry.pk)
        return [entry for entry in waiting if older[entry.doctor] != entry.pk]

    def _withdraw_colliding(self, patient: int) -> list[Slot]:
        """Withdraw the offers that overlap a visit or an older offer; return their slots."""
        freed: list[Slot] = []
        offered: list[Span] = []
        for entry in sorted(self.entries.values(), key=lambda entry: entry.pk):
            if entry.patient == patient and entry.offer:
                span = self.slots[entry.offer].span
                others = [v.span for v in self.live_of(patient) if v.pk != entry.replaces]
                if any(overlap(span, there) for there in [*others, *offered]):
                    freed.append(self.take_back(entry))
                else:
                    offered.append(span)
        return freed

    # --- Calendars ---

    def in_the_way(self, session: Session) -> list[int]:
        """Return the keys of the visits that would lose their slot if this replaced the session."""
        stranded = {s.pk for s in self.slots_of(session.pk) if self._strands(s, session)}
        return sorted(visit.pk for visit, slot in self.live() if slot.pk in stranded)

    def _strands(self, slot: Slot, session: Session) -> bool:
        """Return whether the visits have no room. Offers go first, and give added places back."""
        booked, taken, extra = self.booked(slot), self.taken(slot), slot.extra
        if taken > session.capacity + extra:
            extra = max(0, extra - (taken - booked))
        fits = slot.span in session.spans() and booked <= session.capacity + extra
        return bool(booked) and not fits

    def remake(self, session: Session, keys: dict[Span, int]) -> None:
        """Replace the session by one that strands no visit; `keys` maps slots' spans to keys."""
        were_open, before = self._open(), self.slots_of(session.pk)
        self.sessions[session.pk] = session
        reported = set()  # slots that got a free place, which is then offered
        for slot in before:
            gone = slot.span not in keys
            if gone or self.taken(slot) > session.capacity + slot.extra:
                reported |= self.withdraw([slot])
            if gone:
                self._drop(slot)
            elif slot.capacity - slot.extra < session.capacity:
                reported.add(slot.pk)
        for slot in self.slots_of(session.pk):
            slot.capacity = session.capacity + slot.extra
        for span, pk in keys.items():
            if pk not in self.slots:
                self.slots[pk] = Slot(pk, session.pk, span, session.capacity)
                reported.add(pk)
        self._open_or_close(self.slots_of(session.pk), were_open, reported)

    def take_leave(self, leave: Leave) -> None:
        """Close the slots that the leave overlaps."""
        were_open = self._open()
        self.leaves[leave.pk] = leave
        self._open_or_close(self.slots_of_doctor(leave.doctor), were_open, set())

    def end_leave(self, leave: Leave) -> None:
        """Open the slots that no other leave covers. What staff knew of it is forgotten."""
        were_open = self._open()
        del self.leaves[leave.pk]
        for visit, slot in self.live():
            visit.kept = min(visit.kept, self.closures(slot))
        self._open_or_close(self.slots_of_doctor(leave.doctor), were_open, set())

    def _drop(self, slot: Slot) -> None:
        del self.slots[slot.pk]
        for visit in self.visits.values():
            if visit.slot == slot.pk:
                visit.slot = None

    def _open(self) -> set[int]:
        return {slot.pk for slot in self.slots.values() if self.is_open(slot)}

    def _open_or_close(self, slots: list[Slot], were_open: set[int], reported: set[int]) -> None:
        """Withdraw the offers of closed slots; offer places of `reported` and reopened ones."""
        self.withdraw(slot for slot in slots if not self.is_open(slot))
        flipped = {slot.pk for slot in slots if self.is_open(slot) and slot.pk not in were_open}
        self.offer(self.slots[pk] for pk in (reported | flipped) & self.slots.keys())
