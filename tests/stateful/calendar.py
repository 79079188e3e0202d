"""What staff do to the calendar, and the machine with all its rules."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from doctor.models import Schedule
from tests.stateful.machine import HOURS, instant, wall
from tests.stateful.reception import ReceptionRules
from tests.stateful.state import Leave


class ClinicMachine(ReceptionRules):
    """All rules: those of patients, of the reception, and of the calendar."""

    @rule(data=st.data(), hours=st.sampled_from(HOURS), capacity=st.integers(1, 3))
    def edit_hours(self, data: Any, hours: tuple[int, int], capacity: int) -> None:
        """Edit a session at the API, which names the visits that would lose their slot."""
        old = self.some_session(data)
        new = replace(old, span=hours, capacity=capacity)
        stranded = self.model.in_the_way(new)
        body = {"start_time": str(wall(hours[0])), "end_time": str(wall(hours[1]))}
        path = f"doctor/schedules/{old.pk}/"
        status, answer = self.staff_call("PATCH", path, **body, capacity=capacity)
        if not self.refused("schedule_in_use" if stranded else None, status, answer):
            self.model.remake(new, self.keys_of(new))
        else:
            assert answer["appointments"] == stranded

    @rule(data=st.data())
    def open_or_close(self, data: Any) -> None:
        """Open or close a session at the admin. A closed session keeps its visits."""
        sessions = self.model.sessions.values()
        old = self.some(data, sessions, lambda session: not session.is_active)
        new = replace(old, is_active=not old.is_active)
        row = Schedule.objects.get(pk=old.pk)
        page = self.admin_client.change(row, is_active=["on"] if new.is_active else [])
        assert "was changed successfully" in page.messages(), page.messages()
        self.model.remake(new, self.keys_of(new))

    @rule(data=st.data(), start=st.sampled_from((540, 600, 630)), minutes=st.sampled_from((30, 90)))
    @precondition(lambda self: len(self.model.leaves) < 3)
    def go_on_leave(self, data: Any, start: int, minutes: int) -> None:
        doctor = self.some_session(data).doctor
        span = (start, start + minutes)
        body = {"doctor": doctor, "starts_at": instant(span[0]), "ends_at": instant(span[1])}
        status, answer = self.staff_call("POST", "doctor/time-off/", **body)
        assert status == 201, answer
        self.model.take_leave(Leave(answer["id"], doctor, span))

    @rule(data=st.data())
    @precondition(lambda self: self.model.leaves)
    def come_back(self, data: Any) -> None:
        leave = self.some(data, self.model.leaves.values(), bool)
        status, answer = self.staff_call("DELETE", f"doctor/time-off/{leave.pk}/")
        assert status == 204, answer
        self.model.end_leave(leave)
