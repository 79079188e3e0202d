"""The sites, doctors and staff of the load data, and the weekdays on which each doctor works."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time
from functools import cached_property

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.models import User
from appointment.demo.directory import LANGUAGES, SPECIALTIES
from appointment.load.names import FIRST_NAMES, LAST_NAMES
from doctor.models import Doctor, Language, Location, Specialty

PASSWORD = "clinic-load"  # noqa: S105  # nosec B105  # public: never in production
DOMAIN = "load.example.com"  # of all accounts
WORKING_DAYS = range(5)  # Monday to Friday
AWAY_DAY = 2  # of those doctors who work at the sister site on one day of the week
AWAY_EVERY = 5  # one doctor of so many does


@dataclass(frozen=True)
class Site:
    """A city with two sites, which are sisters. `mobile`: the beginning of its phone numbers."""

    city: str
    time_zone: str
    country: str
    mobile: str
    language: str


SITES = (
    Site("Madrid", "Europe/Madrid", "ES", "+34612", "es"),
    Site("New York", "America/New_York", "US", "+12125", "en"),
    Site("London", "Europe/London", "GB", "+447700", "en"),
    Site("São Paulo", "America/Sao_Paulo", "BR", "+5511961", "pt-BR"),
    Site("Berlin", "Europe/Berlin", "DE", "+491511", "de"),
    Site("Tokyo", "Asia/Tokyo", "JP", "+819012", "ja"),
)
NUMBER_DIGITS = {"ES": 6, "US": 6, "GB": 6, "BR": 6, "DE": 7, "JP": 6}


@dataclass(frozen=True)
class Hours:
    """A session of every working day, on the clocks of the site."""

    start_time: time
    end_time: time
    slot_minutes: int
    capacity: int = 1


ROTA: tuple[tuple[Hours, ...], ...] = (  # the sessions of a day, by doctor
    (Hours(time(9), time(13), 30), Hours(time(14, 30), time(16, 30), 30)),
    (Hours(time(9), time(13), 20),),
    (Hours(time(13), time(17), 20),),
    (Hours(time(8), time(14), 30),),
    (Hours(time(9, 30), time(15, 30), 60),),
    (Hours(time(16), time(20), 20),),
    (Hours(time(10), time(16), 90, capacity=4),),
)


@dataclass(frozen=True)
class Employee:
    """A member of staff who books and concludes visits at a site."""

    pk: int
    name: str


@dataclass
class Directory:
    """The directory as stored: the sites in the order of SITES, each with its desk; the doctors."""

    sites: list[Site]
    locations: list[Location]
    doctors: list[Doctor]
    desks: list[Employee]

    @classmethod
    def create(cls, doctors: int) -> "Directory":
        """Create specialties, languages, locations, staff and this many doctors."""
        cities = SITES if doctors >= 4 * len(SITES) else SITES[:2]
        sites = [site for site in cities for _ in range(2)]
        locations = Location.objects.bulk_create(
            Location(
                name=f"Load clinic {site.city} {1 + number % 2}",
                address=f"{1 + number} Sample Street, {site.city}",
                time_zone=site.time_zone,
                phone=f"{site.mobile}{'0' * NUMBER_DIGITS[site.country]}",
                country=site.country,
            )
            for number, site in enumerate(sites)
        )
        password = make_password(PASSWORD)
        _account("admin", password, "Alex", "Rivera", is_staff=True, is_superuser=True)
        desks = []
        for number in range(len(sites)):
            names = (FIRST_NAMES[number], LAST_NAMES[number])
            account = _account(f"reception{1 + number}", password, *names, is_staff=True)
            account.groups.add(*Group.objects.filter(name="Reception"))
            desks.append(Employee(account.pk, account.full_name))
        return cls(sites, locations, list(_create_doctors(doctors, password)), desks)

    def workday(self, weekday: int) -> Iterator[tuple[Doctor, int, Hours]]:
        """Yield each session of a weekday: its doctor, the number of its site, its hours."""
        if weekday not in WORKING_DAYS:
            return
        for number, doctor in enumerate(self.doctors):
            home = number % len(self.sites)
            away = weekday == AWAY_DAY and number % AWAY_EVERY == 0
            for hours in ROTA[number % len(ROTA)]:
                yield doctor, home ^ 1 if away else home, hours

    @cached_property
    def places(self) -> list[int]:
        """The places of a day, by weekday."""
        return [
            sum(_slots(hours) * hours.capacity for _, _, hours in self.workday(weekday))
            for weekday in range(7)
        ]


def _slots(hours: Hours) -> int:
    """Return the slots of a session: no hours of ROTA reach into a night when clocks change."""
    minutes = [60 * each.hour + each.minute for each in (hours.start_time, hours.end_time)]
    return (minutes[1] - minutes[0]) // hours.slot_minutes


def _create_doctors(count: int, password: str) -> Iterator[Doctor]:
    specialties = Specialty.objects.bulk_create(
        Specialty(name=name, code=code, description=text)
        for name, (code, text) in SPECIALTIES.items()
    )
    languages = Language.objects.bulk_create(
        Language(tag=tag, name=name) for tag, name in LANGUAGES.items()
    )
    group = Group.objects.filter(name="Doctor")
    for number in range(count):
        first_name = FIRST_NAMES[number * 7 % len(FIRST_NAMES)]
        last_name = LAST_NAMES[number * 11 % len(LAST_NAMES)]
        account = _account(f"doctor{1 + number}", password, first_name, last_name)
        account.groups.add(*group)
        doctor = Doctor.objects.create(
            user=account,
            title="Dr.",
            first_name=first_name,
            last_name=last_name,
            license_number=f"LOAD-{1 + number}",
        )
        doctor.specialties.add(specialties[number % len(specialties)])
        doctor.languages.add(languages[0], languages[number % len(languages)])
        yield doctor


def _account(name: str, password: str, first_name: str, last_name: str, **rights: bool) -> User:
    """Save an account with a hashed password."""
    return User.objects.create(
        email=f"{name}@{DOMAIN}",
        password=password,
        first_name=first_name,
        last_name=last_name,
        email_verified_at=timezone.now(),
        **rights,
    )
