"""A day at the clinic over HTTP: calls of patients and staff that every release understands."""

import json
from datetime import UTC, datetime, timedelta
from http.cookiejar import CookieJar
from itertools import count
from random import Random
from secrets import token_hex
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

from tests.admin_client import FormReader

SECONDS = 30
PASSWORD = "a long enough sentence"
STAFF = {"email": "admin@example.com", "password": "clinic-demo"}
TRIES = 20  # slots to try; another patient may book one first
YEARS_AHEAD = count(400)  # days from today, one for each session that staff enter


class ApiCaller:
    """A caller of a server's API."""

    def __init__(self, base: str, token: str = "") -> None:
        self.base, self.token = base, token

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Return the parsed JSON of the answer, or None. Raises HTTPError for all but a 2xx."""
        headers = {"Content-Type": "application/json", **headers}
        if self.token:
            headers["Authorization"] = f"Token {self.token}"
        sent = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.base}/api/{path}", sent, headers, method=method)
        with urlopen(request, timeout=SECONDS) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def login(self, **who: str) -> None:
        """Sign in, and send the token with every later call."""
        self.token = self.call("POST", "auth/login/", who)["token"]


class Patient(ApiCaller):
    """A new patient, who makes every kind of call that a patient can make."""

    def __init__(self, base: str) -> None:
        super().__init__(base)
        self.random, self.email = Random(), f"{token_hex(8)}@example.com"

    def arrive(self) -> None:
        """Register and sign in."""
        names = {"first_name": "Ada", "last_name": "Day"}
        self.call("POST", "auth/register/", {"email": self.email, "password": PASSWORD, **names})
        self.login(email=self.email, password=PASSWORD)

    def move_to(self, base: str) -> None:
        """Use another server from now on, and change the password there."""
        self.base = base
        changed = {"old_password": PASSWORD, "new_password": f"{PASSWORD} more"}
        self.token = self.call("POST", "auth/change-password/", changed)["token"]

    def leave(self) -> None:
        """Sign out."""
        self.call("POST", "auth/logout/")

    def day(self) -> None:
        """Arrive, book, fill in the profile, move, cancel and leave."""
        self.arrive()
        visit = self.booked()
        self.fill_in()
        moved = self.somewhere(f"appointment/reschedule/{visit['id']}/")
        assert (moved["id"], moved["status"]) == (visit["id"], "scheduled")
        assert self.call("POST", f"appointment/cancel/{visit['id']}/", {})["status"] == "canceled"
        [mine] = self.call("GET", "appointment/my-appointments/")["results"]
        assert mine["status"] == "canceled"
        self.leave()

    def booked(self) -> Any:
        """Book a visit twice with one Idempotency-Key, and assert that the server made one."""
        key = {"Idempotency-Key": token_hex(8)}
        visit = self.somewhere("appointment/book/{doctor}/", **key)
        again = {"slot_id": visit["slot_id"], "reason": "a day"}
        path = f"appointment/book/{visit['doctor']['id']}/"
        assert self.call("POST", path, again, **key)["id"] == visit["id"]
        return visit

    def somewhere(self, path: str, **headers: str) -> Any:
        """Post free slots to the path until one gets no 409. Return the parsed answer."""
        for _ in range(TRIES):
            slot = self.random.choice(self.free())
            sent = {"slot_id": slot["id"], **({"reason": "a day"} if "book" in path else {})}
            try:
                return self.call("POST", path.format(doctor=slot["doctor"]), sent, **headers)
            except HTTPError as refusal:
                if refusal.code != 409:
                    raise
        raise AssertionError(f"{TRIES} slots were gone")

    def free(self) -> list[dict[str, Any]]:
        """Return free slots of a random doctor, some days from now."""
        day = datetime.now(UTC).date() + timedelta(days=self.random.randint(2, 9))
        doctors = self.call("GET", "doctor/doctors/?page_size=100")["results"]
        doctor = self.random.choice(doctors)["id"]
        path = f"doctor/doctors/{doctor}/available-slots/?from={day}&to={day + timedelta(days=3)}"
        found = [{**slot, "doctor": doctor} for slot in self.call("GET", path)["results"]]
        return found or self.free()

    def fill_in(self) -> None:
        """Fill in the profile, an entry of the medical history, and a child."""
        self.call("PATCH", "patient/profile/", {"phone_number": "+34600000001"})
        entry = {"kind": "allergy", "description": "peanuts", "status": "active"}
        self.call("POST", "patient/medical-history/", entry)
        self.call("POST", "patient/dependents/", {"first_name": "Bo", "last_name": "Day"})


class Staff(ApiCaller):
    """A member of staff, who manages the calendar through the API and the admin."""

    def day(self) -> None:
        """Enter, close and delete a session. Then open pages of the admin."""
        self.login(**STAFF)
        self.session()
        self.call("GET", "appointment/rebooking/")
        self.at_the_admin()

    def session(self) -> None:
        """Enter a session far in the future, close it for leave, and delete it."""
        [doctor, *_] = self.call("GET", "doctor/doctors/")["results"]
        [place, *_] = self.call("GET", "doctor/locations/")["results"]
        date = datetime.now(UTC).date() + timedelta(days=next(YEARS_AHEAD))
        who = {"doctor": doctor["id"], "location": place["id"]}
        hours = {"date": str(date), "start_time": "09:00", "end_time": "11:00", "slot_minutes": 30}
        made = self.call("POST", "doctor/schedules/", {**who, **hours})
        assert made["total_slots"] == 4
        leave = {"starts_at": f"{date}T00:00:00Z", "ends_at": f"{date}T23:00:00Z"}
        off = self.call("POST", "doctor/time-off/", {"doctor": doctor["id"], **leave})
        self.call("DELETE", f"doctor/time-off/{off['id']}/")
        self.call("DELETE", f"doctor/schedules/{made['id']}/")

    def at_the_admin(self) -> None:
        """Sign in as a browser does, open the lists, and save a location unchanged."""
        self.browser = build_opener(HTTPCookieProcessor(CookieJar()))
        typed = {"username": STAFF["email"], "password": STAFF["password"]}
        self.send("/admin/login/", typed)
        for model in ("appointment/appointment", "doctor/schedule", "patient/patient"):
            assert "result_list" in self.page(f"/admin/{model}/"), model
        self.send("/admin/doctor/location/1/change/", {})

    def page(self, path: str, sent: bytes | None = None) -> str:
        """Return the text of a page."""
        request = Request(self.base + path, sent, {"Referer": self.base + path})
        with self.browser.open(request, timeout=SECONDS) as answer:
            text: str = answer.read().decode()
        return text

    def send(self, path: str, typed: dict[str, str]) -> None:
        """Send the form of a page with these values. Raises AssertionError if it has errors."""
        form = {**FormReader(self.page(path)).sent, **typed}
        text = self.page(path, urlencode(form, doseq=True).encode())
        assert "errornote" not in text, text
