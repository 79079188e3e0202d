"""A correct body for every write of the API, with every field that can be written."""

from functools import cached_property
from typing import Any

from accounts.links import PASSWORD_RESET, VERIFICATION
from accounts.models import User
from accounts.tests.factories import PASSWORD
from appointment.models import WaitlistEntry
from doctor.models import Schedule
from doctor.tests.factories import day_ahead

WORK_LIST = "/api/appointment/rebooking/{appointment_id}/"  # a visit that needs rebooking
WEBHOOK = "/api/appointment/webhooks/{webhook_id}/"
BARE = ("/decline/", "/rotate-secret/", "/test/")  # the ends of paths that take no body
NEW_PASSWORD = "a quite different phrase"
PROFILE = {
    "first_name": "Eva",
    "last_name": "Sol",
    "date_of_birth": "1990-05-17",
    "sex": "female",
    "phone_number": "+34612345678",
    "address": "Calle Mayor 1",
    "preferred_language": "es",
    "emergency_contact_name": "Luis Sol",
    "emergency_contact_phone": "+34612345679",
}
BORN = "1951-04-24"  # the date of birth of the record with the claim code
ENTRY = {
    "kind": "allergy",
    "description": "Pollen",
    "status": "active",
    "diagnosed_on": "2012-03-01",
    "notes": "In spring.",
}
NOTIFICATIONS = {
    kind: {"email": True, "sms": True, "push": False}
    for kind in ("booked", "moved", "canceled", "offer", "reminder")
}
# The bodies of these paths hold the token of a mailed link.
MAILED = ("/api/auth/verify-email/", "/api/auth/password-reset/confirm/")


def flat(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body as the fields of a form: `{"a": {"b": 1}}` is `{"a.b": 1}`."""
    found: dict[str, Any] = {}
    for name, value in body.items():
        inner = value if isinstance(value, dict) else {}
        found |= {f"{name}.{key}": each for key, each in inner.items()} or {name: value}
    return found


class Bodies:
    """The base of `SampleData` that makes a request body for each write from its rows."""

    accounts: dict[str, User]
    session: Schedule
    waiting: WaitlistEntry
    claim_code: str

    def mailed(self, template: str) -> dict[str, Any]:
        """Return the body for a path in MAILED, with a token of the owner's present state."""
        owner = User.objects.get(pk=self.accounts["owner"].pk)
        if template == "/api/auth/verify-email/":
            return {"token": VERIFICATION.make(owner)}
        return {"token": PASSWORD_RESET.make(owner), "new_password": NEW_PASSWORD}

    @cached_property
    def bodies(self) -> dict[str, dict[str, Any]]:
        """Map each path template, or its part before the first `{`, to its body."""
        owner, slot = self.accounts["owner"], self.session.slots.earliest("starts_at")
        names = {"first_name": "Eva", "last_name": "Sol"}
        account = {"email": "eva@example.com", "password": NEW_PASSWORD, **names}
        return {
            "/api/auth/register/": account,
            "/api/auth/login/": {"email": owner.email, "password": PASSWORD},
            "/api/auth/profile/": {**names, "language": "es"},
            "/api/auth/change-password/": {"old_password": PASSWORD, "new_password": NEW_PASSWORD},
            "/api/auth/password-reset/": {"email": owner.email},
            "/api/auth/devices/": {"token": "of-an-app"},
            "/api/patient/notifications/": NOTIFICATIONS,
            "/api/auth/delete-account/": {"password": PASSWORD},
            "/api/doctor/schedules/": self.hours(),
            "/api/doctor/weekly-hours/": self.every_week(),
            "/api/doctor/weekly-hours/{id}/versions/": self.next_version(),
            "/api/doctor/time-off/": self.away(),
            "/api/patient/claim/": {"code": self.claim_code, "date_of_birth": BORN},
            "/api/patient/profile/": PROFILE,
            "/api/patient/dependents/": PROFILE,
            "/api/patient/medical-history/": ENTRY,
            "/api/appointment/book/": {"slot_id": slot.pk, "reason": "Check-up"},
            "/api/appointment/cancel/": {"reason": "A cold"},
            "/api/appointment/reschedule/": {"slot_id": slot.pk},
            "/api/appointment/waitlist/": self.criteria(),
            "/api/appointment/calendar-feeds/": {"kind": "patient"},
            f"{WORK_LIST}move/": {"slot_id": slot.pk},
            f"{WORK_LIST}cancel/": {"reason": "The doctor is ill"},
            f"{WORK_LIST}keep/": {"reason": "The doctor comes for this patient"},
            "/api/appointment/undo/": {"override_reason": ""},
            "/api/appointment/webhooks/": {
                "url": "https://other.example/webhooks",
                "events": ["appointment.booked", "waitlist.offered"],
            },
            "/api/appointment/webhooks/{id}/": {
                "url": "https://new.example/webhooks",
                "events": ["appointment.moved"],
                "is_active": False,
            },
        }

    def criteria(self) -> dict[str, Any]:
        """Return the body that joins the waitlist of a doctor without a free place.

        The days come after those of `waiting`: the same wish on days that meet is refused.
        """
        return {
            "doctor": self.waiting.doctor_id,
            "from": str(day_ahead(31)),
            "to": str(day_ahead(50)),
            "weekdays": [0, 1, 2, 3, 4, 5, 6],
            "start_time": "08:00:00",
            "end_time": "20:00:00",
        }

    def hours(self) -> dict[str, Any]:
        """Return the body of a session on a day when the doctor has no other."""
        return {
            "doctor": self.session.doctor.pk,
            "location": self.session.location.pk,
            "date": str(day_ahead(7)),
            "start_time": "09:00:00",
            "end_time": "10:00:00",
            "slot_minutes": 20,
            "capacity": 2,
            "is_active": True,
        }

    def away(self) -> dict[str, Any]:
        """Return the body of a day off of the doctor, after all of the sample data."""
        return {
            "doctor": self.session.doctor.pk,
            "location": None,
            "starts_at": f"{day_ahead(20)}T00:00:00+01:00",
            "ends_at": f"{day_ahead(21)}T00:00:00+01:00",
            "reason": "Training",
        }

    def every_week(self) -> dict[str, Any]:
        """Return the body of weekly hours that can be added, or replace those of `weekly_hours`."""
        return {
            "doctor": self.session.doctor.pk,
            "location": self.session.location.pk,
            "weekday": day_ahead().weekday(),
            "start_time": "17:00:00",
            "end_time": "18:00:00",
            "slot_minutes": 20,
            "capacity": 2,
            "valid_from": str(day_ahead()),
            "valid_until": str(day_ahead(30)),
            "every_weeks": 2,
        }

    def next_version(self) -> dict[str, Any]:
        """Return the body of a new version of `weekly_hours`, which have ended."""
        hours = self.every_week()
        return {"from": hours.pop("valid_from"), **hours}
