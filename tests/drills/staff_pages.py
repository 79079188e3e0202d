"""Every page of the desk and every list of the API, as calls on a database that has a clinic in it.

`calls_of(subject)` lists them. A drill measures them, and so can a benchmark: it needs a database,
and nothing of the tests.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count

from accounts.models import User
from appointment.models import Appointment, WaitlistEntry
from doctor.models import Doctor, Location, Specialty
from patient.models import Patient

A_DAY = timedelta(days=1)
ANONYMOUS, STAFF, DOCTOR, PATIENT = "anonymous", "staff", "doctor", "patient"


@dataclass(frozen=True)
class Call:
    """A request: who sends it, and what. `htmx`: whether a script asks for a part of a page."""

    name: str
    path: str
    by: str = ANONYMOUS
    query: dict[str, Any] = field(default_factory=dict)
    method: str = "GET"
    htmx: bool = False


@dataclass(frozen=True)
class Subject:
    """The rows that the calls name, chosen in any database; `at` is the instant of the calls."""

    at: datetime
    users: dict[str, User]
    site: Location
    doctor: Doctor
    specialty: int
    visit: Appointment
    patient: Patient
    entry: int | None
    common: str
    rare: str

    @classmethod
    def choose(cls, at: datetime, doctor: Doctor | None = None) -> "Subject":
        """Choose a doctor with an account, and what belongs to the doctor."""
        own = doctor or Doctor.objects.active().filter(user__isnull=False).order_by("pk").first()
        assert own is not None
        assert own.user is not None
        visit = Appointment.objects.filter(
            doctor=own, status="scheduled", starts_at__gt=at, patient__isnull=False
        ).earliest("starts_at")
        assert visit.patient is not None
        person = Patient.objects.filter(user__isnull=False, is_dependent=False).order_by("pk")[0]
        entries = WaitlistEntry.objects.filter(status="waiting").order_by("-pk")
        root = User.objects.filter(is_superuser=True, is_active=True).order_by("pk")[0]
        users = {STAFF: root, DOCTOR: own.user, PATIENT: person.user}
        names = Patient.objects.filter(pk__lt=5000).values("last_name")
        common = names.annotate(n=Count("pk")).order_by("-n")[0]["last_name"].split()[0]
        return cls(
            at, users, visit.location, own, own.specialties.values_list("pk", flat=True)[0],
            visit, visit.patient, entries.values_list("pk", flat=True).first(), common,
            f"{visit.patient.last_name} {visit.patient.first_name}",
        )  # fmt: skip

    @property
    def day(self) -> date:
        """The day of the visit."""
        return self.visit.date


def calls_of(of: Subject) -> list[Call]:
    """Return all of them: those of the desk, then those of the API."""
    return [*desk_calls(of), *own_day_calls(of), *public_lists(of), *own_lists(of)]


def desk_calls(of: Subject) -> list[Call]:
    """The pages of the reception and their parts, as a member of staff who sees all sites."""
    day = {"location": of.site.pk, "date": of.day.isoformat()}
    today = of.site.today(of.at)
    born = of.patient.date_of_birth
    pages: list[tuple[str, str, dict[str, Any], bool]] = [
        ("day", "", day, False),
        ("day, empty", "", {**day, "date": "2150-01-01"}, False),
        ("day, a year ago", "", {**day, "date": (today - 365 * A_DAY).isoformat()}, False),
        ("search, a common name", "search/", {"q": of.common}, True),
        ("search, two letters", "search/", {"q": of.common[:2]}, True),
        ("search, a rare name", "search/", {"q": of.rare}, True),
        ("search, birth date", "search/", {"q": f"{born}"}, True),
        ("search, phone", "search/", {"q": str(of.patient.phone_number)}, True),
        ("search, last digits", "search/", {"q": str(of.patient.phone_number)[-4:]}, True),
        ("search, no person", "search/", {"q": "qwertyuiop"}, True),
        ("person", f"people/{of.patient.pk}/", {}, True),
        ("panel: cancel", f"visits/{of.visit.pk}/cancel/", {}, True),
        ("panel: move", f"visits/{of.visit.pk}/move/", {}, True),
        ("panel: move, others", f"visits/{of.visit.pk}/move/", {"of": "specialty"}, True),
        ("panel: walk-in", "walk-in/", {"doctor": of.doctor.pk, "location": of.site.pk}, True),
        ("panel: a free time", "free/", {"slot": of.visit.slot_id}, True),
        ("panel: squeeze in", "squeeze-in/", {"slot": of.visit.slot_id}, True),
        ("booking", "book/", {}, False),
        ("booking, a person", "book/", {"patient": of.patient.pk}, False),
        ("booking, people", "book/", {"fragment": "people", "q": of.common, "typing": 1}, True),
        ("booking, a doctor", "book/", {"fragment": "times", "doctor": of.doctor.pk}, True),
        ("booking, a name", "book/", {"fragment": "times", "who": of.doctor.last_name}, True),
        ("booking, a specialty", "book/",
         {"fragment": "times", "who": str(Specialty.objects.get(pk=of.specialty))}, True),
        ("booking, evenings", "book/", {"fragment": "times", "part": "evening"}, True),
        ("booking, mornings of a doctor at a site", "book/",
         {"fragment": "times", "part": "morning", "doctor": of.doctor.pk, "patient": of.patient.pk,
          "location": of.site.pk, "from": of.day.isoformat()}, True),
        ("booking, more times", "book/", {"fragment": "times", "show": 120}, True),
        ("booking, anyway", "book/",
         {"fragment": "times", "because": "x", "patient": of.patient.pk}, True),
        ("booking, new person", "book/", {"new": 1, "q": of.rare}, False),
        ("booked", "book/", {"booked": of.visit.pk}, False),
        ("away", "away/", {}, False),
        ("away, a doctor", "away/", {"doctor": of.doctor.pk}, False),
        ("away, hits", "away/hits/", {"who": f"doctor-{of.doctor.pk}", "first": today.isoformat(),
                                      "last": (today + 14 * A_DAY).isoformat()}, True),
        ("away, hits of a site", "away/hits/", {"who": f"site-{of.site.pk}"}, True),
        ("away, visits", "away/visits/", {"location": of.site.pk}, True),
        ("waitlist", "line/", {}, False),
        ("waitlist of a doctor", "line/", {"doctor": of.doctor.pk}, False),
        ("waitlist of a specialty", "line/", {"specialty": of.specialty}, True),
        ("offers", "line/offers/", {"location": of.site.pk}, True),
        ("hours", "hours/", {}, False),
        ("hours, search", "hours/", {"q": of.doctor.last_name}, False),
        ("hours of a doctor", f"hours/{of.doctor.pk}/", {"location": of.site.pk}, False),
        ("new doctor", "hours/new/", {}, False),
        ("holidays", "hours/holidays/", {"year": today.year + 1}, False),
        ("print", "print/", {"doctor": of.doctor.pk, "date": of.day.isoformat()}, False),
        ("import", "import/", {}, False),
        *figures(of),
    ]  # fmt: skip
    if of.entry:
        pages.append(("panel: take off", f"line/{of.entry}/take-off/", {}, True))
    calls = [
        Call(f"desk: {name}", f"/admin/desk/{path}", STAFF, query, htmx=htmx)
        for name, path, query, htmx in pages
    ]
    posts = [
        Call("desk: refresh of the day", "/admin/desk/changes/", STAFF, day, "POST", htmx=True),
        Call("desk: propose", "/admin/desk/away/propose/", STAFF, {}, "POST", htmx=True),
    ]
    return [*calls, *posts]


def figures(of: Subject) -> list[tuple[str, str, dict[str, Any], bool]]:
    """The figures of a day, a month, a year, and their files."""
    today = of.site.today(of.at)
    last_month = (today.replace(day=1) - A_DAY).replace(day=1)
    spans = {
        "month": {},
        "day": {"from": today.isoformat(), "to": today.isoformat()},
        "last month": {
            "from": last_month.isoformat(),
            "to": (today.replace(day=1) - A_DAY).isoformat(),
        },
        "year": {"from": (today - 364 * A_DAY).isoformat(), "to": today.isoformat()},
    }
    pages = [
        (f"figures: {name} by {by}", "figures/", {**span, "by": by}, False)
        for name, span in spans.items()
        for by in (("doctor", "week") if name != "year" else ("doctor", "site", "week", "month"))
    ]
    one = {"doctor": of.doctor.pk, "location": of.site.pk}
    pages.append(("figures: year of a doctor at a site", "figures/",
                  {**spans["year"], **one}, False))  # fmt: skip
    pages.append(("figures: file of the year", "figures/",
                  {**spans["year"], "format": "csv"}, False))  # fmt: skip
    return pages


def own_day_calls(of: Subject) -> list[Call]:
    """The pages of a doctor."""
    day = of.day.isoformat()
    pages: list[tuple[str, str, dict[str, Any], bool]] = [
        ("my day", "mine/", {"date": day}, False),
        ("my day, refreshed", "mine/", {"date": day}, True),
        ("history", f"mine/history/{of.patient.pk}/", {}, True),
        ("print", "print/", {"date": day}, False),
    ]
    return [
        *(Call(f"doctor: {name}", f"/admin/desk/{path}", DOCTOR, query, htmx=htmx)
          for name, path, query, htmx in pages),
        Call("agenda", "/api/appointment/agenda/", DOCTOR),
        Call("agenda of a day", "/api/appointment/agenda/", DOCTOR, {"date": day}),
        Call("history of a patient", "/api/patient/medical-history/", DOCTOR,
             {"patient": of.patient.pk}),
    ]  # fmt: skip


def public_lists(of: Subject) -> list[Call]:
    """The directory and the calendar, and what staff see of it."""
    root, today = "/api/doctor/", of.site.today(of.at)
    days = {"from": today.isoformat(), "to": (today + 7 * A_DAY).isoformat()}
    lists: list[tuple[str, str, dict[str, Any]]] = [
        ("doctors", "doctors/", {}),
        ("doctors, page of 100", "doctors/", {"page_size": 100}),
        ("doctors, a later page", "doctors/", {"page": 2}),
        ("doctors, last name down", "doctors/", {"ordering": "-last_name"}),
        ("doctors by first name", "doctors/", {"ordering": "first_name"}),
        ("doctors of a specialty", "doctors/", {"specialty": of.specialty}),
        ("doctors of a language", "doctors/", {"language": 1}),
        ("doctors of a site", "doctors/", {"location": of.site.pk}),
        ("doctors' search", "doctors/", {"search": of.doctor.last_name}),
        ("doctors' search, a letter", "doctors/", {"search": of.doctor.last_name[:1]}),
        ("doctors' search, specialty", "doctors/", {"search": "special"}),
        ("doctors, all filters", "doctors/",
         {"specialty": of.specialty, "location": of.site.pk, "search": of.doctor.last_name[:2]}),
        ("a doctor", f"doctors/{of.doctor.pk}/", {}),
        ("by-specialty", f"by-specialty/{of.specialty}/", {}),
        ("specialties", "specialties/", {}),
        ("languages", "languages/", {}),
        ("locations", "locations/", {}),
        ("sessions", "schedules/", {}),
        ("sessions, a later page", "schedules/", {"page": 50}),
        ("sessions of a doctor", "schedules/", {"doctor": of.doctor.pk}),
        ("sessions of a week", "schedules/", days),
        ("sessions of a doctor's week", "schedules/", {**days, "doctor": of.doctor.pk}),
        ("sessions of a site's week", "schedules/", {**days, "location": of.site.pk}),
    ]  # fmt: skip
    public = [Call(name, root + path, ANONYMOUS, query) for name, path, query in lists]
    staff = [
        Call("staff: sessions of a week", f"{root}schedules/", STAFF, days),
        Call("staff: sessions", f"{root}schedules/", STAFF),
        Call("staff: weekly hours", f"{root}weekly-hours/", STAFF),
        Call("staff: weekly hours of a doctor", f"{root}weekly-hours/", STAFF,
             {"doctor": of.doctor.pk}),
        Call("staff: time off", f"{root}time-off/", STAFF),
        Call("staff: time off of a month", f"{root}time-off/", STAFF, days),
        Call("staff: work list", "/api/appointment/rebooking/", STAFF),
    ]  # fmt: skip
    return [*public, *staff]


def own_lists(of: Subject) -> list[Call]:
    """The lists of a patient; my-appointments is not among them."""
    root = "/api/patient/"
    return [
        Call("access log", f"{root}access-log/", PATIENT),
        Call("access log, a later page", f"{root}access-log/", PATIENT, {"page": 2}),
        Call("export", f"{root}export/", PATIENT),
        Call("medical history", f"{root}medical-history/", PATIENT),
        Call("medical history, allergies", f"{root}medical-history/", PATIENT,
             {"kind": "allergy"}),
        Call("dependents", f"{root}dependents/", PATIENT),
        Call("profile", f"{root}profile/", PATIENT),
        Call("own waitlist", "/api/appointment/waitlist/", PATIENT),
        Call("own waitlist, waiting", "/api/appointment/waitlist/", PATIENT,
             {"status": "waiting"}),
        Call("devices", "/api/auth/devices/", PATIENT),
        Call("account", "/api/auth/profile/", PATIENT),
    ]  # fmt: skip
