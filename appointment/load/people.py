"""The patients of the load data, their accounts, and the words by which they are found."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from random import Random

from django.contrib.auth.hashers import make_password
from phonenumber_field.phonenumber import PhoneNumber

from accounts.models import User
from appointment.load.directory import DOMAIN, NUMBER_DIGITS, PASSWORD, Directory
from appointment.load.names import DOUBLE_SHARE, FIRST_NAMES, LAST_NAMES
from extensions.db.bulk_load import Row, Table
from extensions.db.names import FoldedNameField
from extensions.text import search_words
from patient.models import Patient, PatientWord
from patient.models.word import dialed, texts_of_words

USERS = Table(
    User, "id", "password", "last_login", "is_superuser", "email", "first_name", "last_name",
    "is_active", "is_staff", "date_joined", "email_verified_at", "signed_out_at",
    "password_changed_at", "last_name_key", "first_name_key", "search_words", "language",
)  # fmt: skip
PATIENTS = Table(
    Patient, "id", "first_name", "last_name", "date_of_birth", "sex", "phone_number", "address",
    "preferred_language", "emergency_contact_name", "emergency_contact_phone", "user_id",
    "is_dependent", "marked_deceased_at", "last_name_key", "first_name_key", "external_id",
)  # fmt: skip
WORDS = Table(PatientWord, "id", "patient_id", "text")

# Of ten patients of a site in a row, so many have an account, and the last one is a dependent of
# the first one's account; the others book at the reception.
FAMILY = 10
WITH_ACCOUNT = 7
DEPENDENT = FAMILY - 1
WORDS_EACH = 7.2  # rows of PatientWord for a patient, for the progress only
FIRST_BIRTH, DAYS_OF_BIRTHS = date(1935, 1, 1), 88 * 365

fold = lru_cache(maxsize=100_000)(FoldedNameField.fold)


@dataclass(frozen=True)
class People:
    """The patients by number: their keys and accounts follow from the number, and need no memory.

    Patients with the numbers n, n + sites, n + 2 * sites ... live near site n.
    `first_user`: the key of the first patient's account.
    """

    count: int
    sites: int
    first_user: int

    @property
    def at_each_site(self) -> int:
        """How many patients live near each site."""
        return self.count // self.sites

    def account_of(self, number: int) -> int | None:
        """Return the key of the account of a patient, or of the one who books for a dependent."""
        rank, site = divmod(number, self.sites)
        family, member = divmod(rank, FAMILY)
        if member == DEPENDENT:
            member = 0
        if member >= WITH_ACCOUNT:
            return None
        return self.first_user + (family * WITH_ACCOUNT + member) * self.sites + site

    def has_account(self, number: int) -> bool:
        """Return whether the patient is the owner of an account."""
        return number // self.sites % FAMILY < WITH_ACCOUNT

    @staticmethod
    def key(number: int) -> int:
        """Return the primary key of a patient."""
        return 1 + number


def login(number: int) -> str:
    """Return the address with which the patient of this number signs in."""
    return f"patient{1 + number}@{DOMAIN}"


class PeopleRows:
    """Makes the rows of patients, in their order."""

    def __init__(self, people: People, directory: Directory, seed: int) -> None:
        self.people = people
        self.directory = directory
        self.rng = Random(f"people {seed}")  # noqa: S311  # nosec B311  # the same in each load
        self.password = make_password(PASSWORD)
        self.next_word = 1
        self.joined = "2020-01-01 08:00:00"
        self.numbers = [_number_forms(site.country, site.mobile) for site in directory.sites]

    def batches(self, size: int) -> Iterator[list[tuple[Table, list[Row]]]]:
        """Yield the rows of this many patients at a time."""
        for first in range(0, self.people.count, size):
            users: list[Row] = []
            patients: list[Row] = []
            words: list[Row] = []
            for number in range(first, min(first + size, self.people.count)):
                self._add(number, users, patients, words)
            yield [(USERS, users), (PATIENTS, patients), (WORDS, words)]

    def _add(self, number: int, users: list[Row], patients: list[Row], words: list[Row]) -> None:
        people, random = self.people, self.rng.random
        pk, account = people.key(number), people.account_of(number)
        site = self.directory.sites[number % people.sites]
        first_name = FIRST_NAMES[int(random() * len(FIRST_NAMES))]
        last_name = LAST_NAMES[int(random() * len(LAST_NAMES))]
        if random() < DOUBLE_SHARE:
            last_name += " " + LAST_NAMES[int(random() * len(LAST_NAMES))]
        keys = (fold(last_name), fold(first_name))
        names = search_words(last_name, first_name)
        born = (FIRST_BIRTH + timedelta(days=int(random() * DAYS_OF_BIRTHS))).isoformat()
        is_dependent = bool(account) and not people.has_account(number)
        forms: list[str] = []
        if not is_dependent:
            digits = NUMBER_DIGITS[site.country]
            line = f"{int(random() * 10**digits):0{digits}}"
            forms = [prefix + line for prefix in self.numbers[number % people.sites]]
        patients.append((
            pk, first_name, last_name, born, ("female", "male")[number % 2],
            f"+{forms[0]}" if forms else "", f"{1 + number % 199} Sample Street, {site.city}",
            site.language, "", "", account, is_dependent, None, *keys, "",
        ))  # fmt: skip
        for text in sorted(texts_of_words(names, born, forms)):
            words.append((self.next_word, pk, text))
            self.next_word += 1
        if account and not is_dependent:
            users.append((
                account, self.password, None, False, login(number), first_name, last_name, True,
                False, self.joined, self.joined, None, None, *keys, "".join(f" {w}" for w in names),
                "",
            ))  # fmt: skip


def _number_forms(country: str, mobile: str) -> list[str]:
    """Return the beginnings of the forms in which a site's phone numbers are dialed."""
    line = "5" * NUMBER_DIGITS[country]
    return [form.removesuffix(line) for form in dialed(PhoneNumber.from_string(mobile + line))]
