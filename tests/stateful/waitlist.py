"""The waitlist of the model: who is offered a freed place, and what patients and staff answer."""

from collections.abc import Iterable

from tests.stateful.state import CAP, IN_LINE, Entry, Slot, State, Visit, overlap


class Waitlist(State):
    """Offers, and the verbs of entries."""

    # --- Who gets a place ---

    def offer(self, slots: Iterable[Slot]) -> None:
        """Offer the free places, earliest first, each to the first entry that can have it."""
        for slot in sorted(slots, key=lambda slot: (slot.span[0], slot.pk)):
            while self.is_open(slot) and self.taken(slot) < slot.capacity:
                able = [e for e in self.entries.values() if self._can_be_offered(e, slot)]
                if not able:
                    break
                first = min(able, key=lambda entry: entry.pk)
                first.status, first.offer = "offered", slot.pk

    def offer_all(self) -> None:
        """Offer every free place, doctor by doctor: those that were free before the entry came."""
        for doctor in sorted({session.doctor for session in self.sessions.values()}):
            for slot in sorted(self.slots_of_doctor(doctor), key=lambda slot: slot.pk):
                self.offer([slot])

    def fits(self, entry: Entry, slot: Slot) -> bool:
        """Return whether the entry waits for such a slot."""
        start = slot.span[0]
        earlier = not entry.replaces or start < self.visits[entry.replaces].span[0]
        return entry.doctor == self.doctor_of(slot) and earlier

    def _can_be_offered(self, entry: Entry, slot: Slot) -> bool:
        if entry.status != "waiting" or not self.fits(entry, slot):
            return False
        theirs = [e for e in self.entries.values() if e.patient == entry.patient and e.offer]
        visits = [v for v in self.live_of(entry.patient) if v.pk != entry.replaces]
        busy = [*(v.span for v in visits), *(self.slots[e.offer or 0].span for e in theirs)]
        promised = len(visits) + sum(not e.replaces for e in theirs)
        capped = entry.patient in self.accounts and not entry.replaces
        return (
            (entry.patient, self.doctor_of(slot), slot.span[0]) not in self.declined
            and not self._gave_up(entry, slot)
            and not any(overlap(span, slot.span) for span in busy)
            and not (capped and promised >= CAP)
        )

    def _gave_up(self, entry: Entry, slot: Slot) -> bool:
        """Return whether the patient has left the slot, by cancel or move, since joining."""
        time = (self.doctor_of(slot), slot.span[0])
        for visit in self.visits.values():
            if visit.patient == entry.patient:
                canceled = visit.canceled_in is not None and visit.canceled_in >= entry.since
                if canceled and (visit.doctor, visit.span[0]) == time:
                    return True
                if visit.gave_up.get(slot.pk, -1) >= entry.since:
                    return True
        return False

    # --- Verbs ---

    def no_entry(self, patient: int, doctor: int, replaces: Visit | None = None) -> str | None:
        """Return the code of the reason against an entry of the patient for the doctor, or None."""
        if patient in self.deceased:
            return "patient_deceased"
        in_line = [e for e in self.entries.values() if e.status in IN_LINE]
        if any((entry.patient, entry.doctor) == (patient, doctor) for entry in in_line):
            return "already_waiting"
        wish = Entry(0, patient, doctor, replaces and replaces.pk)
        wanted = [slot for slot in self.slots.values() if self.fits(wish, slot)]
        free = any(self.reason(patient, slot, exclude=wish.replaces) is None for slot in wanted)
        return "place_available" if free else None

    def join(self, entry: Entry) -> None:
        """Add an entry at the end of the line."""
        self.step += 1
        entry.since = self.step
        self.entries[entry.pk] = entry

    def no_accept(self, entry: Entry, waive: bool = False) -> str | None:
        """Return the code of the reason against accepting what the entry is offered, or None."""
        if entry.offer is None:
            return "no_open_offer"
        slot, entry.offer = self.slots[entry.offer], None  # for this patient its place is free
        reason = self.reason(entry.patient, slot, exclude=entry.replaces, waive=waive)
        entry.offer = slot.pk
        return reason

    def decline(self, entry: Entry) -> None:
        """Give the offered place to the next patient. The entry goes on waiting."""
        slot = self.take_back(entry)
        self._note_declined(entry, slot)
        self.offer([slot])

    def leave_waitlist(self, *entries: Entry) -> None:
        """Delete the entries; their patients decline what they are offered."""
        freed = []
        for entry in entries:
            if entry.offer:
                freed.append(self.take_back(entry))
                self._note_declined(entry, freed[-1])
            del self.entries[entry.pk]
        self.offer(freed)

    # --- Shared by the verbs ---

    def end(self, entries: Iterable[Entry], status: str) -> list[Slot]:
        """End those of the entries that are in line; return the slots that they were offered."""
        freed = []
        for entry in entries:
            if entry.status in IN_LINE:
                freed += [self.take_back(entry)] if entry.offer else []
                entry.status = status
        return freed

    def take_back(self, entry: Entry) -> Slot:
        """End the offer of an entry, which waits again, and return its slot."""
        slot = self.slots[entry.offer or 0]
        entry.status, entry.offer = "waiting", None
        self.release(slot)
        return slot

    def withdraw(self, slots: Iterable[Slot]) -> set[int]:
        """Take the offers of these slots back, and return the keys of the slots that lost one."""
        keys = {slot.pk for slot in slots}
        held = [entry for entry in self.entries.values() if entry.offer in keys]
        return {self.take_back(entry).pk for entry in held}

    def release(self, slot: Slot) -> None:
        """Give a place back: one that staff have added vanishes with it."""
        if slot.extra:
            slot.extra -= 1
            slot.capacity -= 1

    def _note_declined(self, entry: Entry, slot: Slot) -> None:
        self.declined.add((entry.patient, self.doctor_of(slot), slot.span[0]))
