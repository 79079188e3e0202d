"""Let many patients book a few places at once, over HTTP at a running clinic.

    make run THROTTLE=off                 # in one terminal: a race is more than the limits allow
    python3 benchmarks/race.py            # in another: 144 tries at 5 places

It needs Python only. It publishes a session of one slot as staff, registers a patient for each try,
lets all of them book at the same moment, and counts the answers. Afterwards it cancels the visits,
erases the profiles and deletes the session; the accounts stay (race-...@example.com). It exits
with 0 if every place was sold once and every other patient got the answer that the slot is full.
"""

import argparse
import json
import secrets
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

SECONDS = 120
AT_A_TIME = 16  # registrations: hashing a password is slow on purpose
DAYS_TRIED = range(5, 60)


class Refused(Exception):
    """The clinic gave an unexpected answer."""


class Caller:
    """A caller of the API, with a token after the login."""

    def __init__(self, base: str, token: str = "") -> None:  # nosec B107  # no token yet
        self.base = base.rstrip("/")
        self.token = token

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return the status and the parsed body of the response, also of an error."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.base}{path}", data, {"Content-Type": "application/json"})
        request.method = method
        if self.token:
            request.add_header("Authorization", f"Token {self.token}")
        try:
            with urlopen(request, timeout=SECONDS) as response:  # nosec B310  # of --base
                return response.status, json.loads(response.read() or "null")
        except HTTPError as error:
            return error.code, json.loads(error.read() or "null")

    def must(self, method: str, path: str, body: Any = None) -> Any:
        """Return the parsed body. Raises Refused for a status of 400 or more."""
        status, answer = self.call(method, path, body)
        if status == 429:
            raise Refused("Too many calls: start the clinic with THROTTLE=off.")
        if status >= 400:
            raise Refused(f"{method} {path}: {status} {answer}")
        return answer

    def sign_in(self, email: str, password: str) -> "Caller":
        token = self.must("POST", "/api/auth/login/", {"email": email, "password": password})
        return Caller(self.base, token["token"])

    def register(self) -> "Caller":
        """Register an account of a made-up patient, and return its caller."""
        email, password = f"race-{secrets.token_hex(8)}@example.com", secrets.token_urlsafe(16)
        names = {"first_name": "Race", "last_name": "Runner"}
        account = {"email": email, "password": password, **names}
        return Caller(self.base, self.must("POST", "/api/auth/register/", account)["token"])


class Session:
    """A published session of one slot with this number of places, on a free day of the doctor."""

    def __init__(self, staff: Caller, places: int) -> None:
        self.staff, self.places = staff, places
        doctors = staff.must("GET", "/api/doctor/doctors/")["results"]
        self.doctor = next(d["id"] for d in doctors if d["accepts_patients"])
        self.location = staff.must("GET", "/api/doctor/locations/")["results"][0]["id"]
        self.id = self._publish()
        self.slot = self._slot()

    def _publish(self) -> int:
        """Publish the session on the first day that has room for it, and return its id."""
        hours = {"start_time": "05:00", "end_time": "06:00", "capacity": self.places}
        for days in DAYS_TRIED:
            self.date = (datetime.now(UTC) + timedelta(days=days)).date().isoformat()
            session = {"doctor": self.doctor, "location": self.location, "date": self.date}
            status, answer = self.staff.call("POST", "/api/doctor/schedules/", session | hours)
            if status == 201:
                return int(answer["id"])
            if status != 409:
                raise Refused(f"The session was not published: {status} {answer}")
        raise Refused("The doctor has no hour left.")

    def _slot(self) -> int:
        path = f"/api/doctor/doctors/{self.doctor}/available-slots/?date={self.date}"
        slots = self.staff.must("GET", path)["results"]
        return int(next(slot["id"] for slot in slots if slot["schedule"] == self.id))

    def book(self, patient: Caller, together: Barrier) -> tuple[int, str, float, Any]:
        """Wait for all threads, and then book. Return status, error code, seconds and body."""
        together.wait(SECONDS)
        began = time.monotonic()
        path = f"/api/appointment/book/{self.doctor}/"
        status, answer = patient.call("POST", path, {"slot_id": self.slot})
        return status, answer.get("code", ""), time.monotonic() - began, answer

    def close(self) -> None:
        self.staff.must("DELETE", f"/api/doctor/schedules/{self.id}/")


def main() -> int:
    """Prepare and run the race, print the result, clean up, and return the exit status."""
    asked = arguments()
    try:
        staff = Caller(asked.url).sign_in(asked.email, asked.password)
        session = Session(staff, asked.places)
        print(f"{asked.tries} tries at {asked.places} places of slot {session.slot} ...")
        return race(session, asked.tries)
    except (Refused, URLError) as error:
        print(error, file=sys.stderr)
        return 2


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--tries", type=int, default=144)
    parser.add_argument("--places", type=int, default=5)
    parser.add_argument("--email", default="admin@example.com", help="of staff who may publish")
    parser.add_argument("--password", default="clinic-demo")
    return parser.parse_args()


def race(session: Session, tries: int) -> int:
    """Let all book at once, print the result, return the exit status. Only the accounts stay."""
    patients: list[Caller] = []
    try:
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            made = [pool.submit(Caller(session.staff.base).register) for _ in range(tries)]
            patients = [account.result() for account in made]
        together = Barrier(tries)
        with ThreadPoolExecutor(tries) as pool:
            done = [pool.submit(session.book, patient, together) for patient in patients]
        return verdict([each.result() for each in done], session.places)
    finally:
        for patient in patients:
            patient.call("DELETE", "/api/patient/profile/")  # cancels its visits
        session.close()


def verdict(answers: list[tuple[int, str, float, Any]], places: int) -> int:
    """Print the responses and their times. Return 0 if exactly `places` bookings succeeded."""
    counted = Counter((status, code) for status, code, _, _ in answers)
    for (status, code), times in sorted(counted.items()):
        print(f"{times:5} x {status} {code}")
    seconds = sorted(took for _, _, took, _ in answers)
    slowest = f"{seconds[-1]:.2f} s the slowest"
    print(f"half of the answers within {seconds[len(seconds) // 2]:.2f} s, {slowest}")
    full = max(0, len(answers) - places)
    right = counted[201, ""] == len(answers) - full and counted[409, "slot_full"] == full
    print("every place was sold once" if right else "NOT as it should be")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
