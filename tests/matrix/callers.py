"""The twelve callers of the matrix, and the owners of the rows that they ask for."""

from datetime import timedelta
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from knox.crypto import hash_token
from knox.models import AuthToken

from accounts.models import User
from accounts.tests.factories import StaffFactory
from doctor.tests.factories import LocationFactory, SiteStaffFactory
from patient.models import EmergencyAccess
from patient.tests.factories import DependentFactory, PatientFactory
from tests.sample_data import SampleData

CALLERS = (
    "anonymous",
    "expired",  # a login of patient A that has expired
    "deactivated",  # a patient whose account is not active
    "patient A",
    "patient B",
    "carer",  # the carer of a dependent
    "doctor of A",
    "doctor of B",
    "reception",  # sees all sites
    "superuser",
    "staff here",  # of the sites of patient A and of no other
    "staff there",  # of a site where nobody has anything
)
SITE_STAFF = ("staff here", "staff there")  # they have every permission but view_all_sites
SEE_ALL = ("reception", "superuser")
STAFF = (*SEE_ALL, *SITE_STAFF)
# One caller of each kind among those who are not staff. Pages know neither carers nor dependents.
NOT_STAFF = ("anonymous", "patient A", "doctor of A")
SHUT_OUT = ("expired", "deactivated")  # a request by their session is that of a stranger
MIRRORED = ("patient B", "doctor of B")  # of patient A and the doctor of A
LET_IN = tuple(caller for caller in CALLERS if caller not in (*SHUT_OUT, *MIRRORED))
WHOSE = ("own", "other", "absent")  # whose row a call names
FIRST_KEY = 1000


class Callers:
    """Four patients with a doctor each, their rows, and the logins of the twelve callers.

    For a doctor, the own rows are those of their patient. For a caller without rows, the own rows
    are those of patient A.
    """

    def __init__(self) -> None:
        start_keys_high()
        of_a = SampleData.made()
        of_b = of_a.with_another(PatientFactory())
        self.own = dict.fromkeys(CALLERS, of_a)
        self.own |= {"patient B": of_b, "doctor of B": of_b}
        self.own["carer"] = of_a.with_another(DependentFactory())
        self.own["deactivated"] = of_a.with_another(PatientFactory())
        self.other = {caller: of_a if own is of_b else of_b for caller, own in self.own.items()}
        self.accounts = {
            caller: self._account(caller)
            for caller in reversed(CALLERS[1:])
            if caller not in SITE_STAFF
        }
        self.accounts |= staff_of_sites(of_a)
        see_all = Permission.objects.get(codename="view_all_sites")
        self.accounts["reception"].user_permissions.add(see_all)
        self.tokens = {caller: user.issue_token()[0] for caller, user in self.accounts.items()}
        self.cookies = {caller: session_of(user) for caller, user in self.accounts.items()}
        self._end_logins()
        for patient, staff in (("patient A", "reception"), ("patient B", "superuser")):
            make_rows_of_the_site(self.accounts[patient])
            opened = {"patient": self.own[patient].entry.patient, "reason": "x"}
            EmergencyAccess(user=self.accounts[staff], **opened).begin()
        SiteStaffFactory(location=of_b.session.location)
        self.site_rows = of_a.admin_rows(), of_b.admin_rows()

    def _account(self, caller: str) -> User:
        account = caller.partition(" ")[0] if caller.startswith("doctor") else caller
        accounts = self.own[caller].accounts
        return accounts.get({"reception": "staff"}.get(account, account), accounts["owner"])

    def _end_logins(self) -> None:
        """Expire the login of one caller and close the account of another, but keep their tokens.

        No verb would keep the tokens. The matrix shows that the server refuses them anyway.
        """
        past = timezone.now() - timedelta(seconds=1)
        digest = hash_token(self.tokens["expired"])
        AuthToken.objects.filter(digest=digest).update(expiry=past)
        Session.objects.filter(pk=self.cookies["expired"]).update(expire_date=past)
        User.objects.filter(pk=self.accounts["deactivated"].pk).update(is_active=False)


def staff_of_sites(of_a: SampleData) -> dict[str, User]:
    """Make staff of the sites where patient A has something, and staff of another site."""
    sites: dict[str, list[Any]] = {
        "staff here": list(of_a.locations()),
        "staff there": [LocationFactory()],
    }
    accounts: dict[str, User] = {caller: StaffFactory() for caller in SITE_STAFF}
    for caller, locations in sites.items():
        every = Permission.objects.exclude(codename="view_all_sites")
        accounts[caller].user_permissions.set(every)
        for location in locations:
            SiteStaffFactory(user=accounts[caller], location=location)
    return accounts


def make_rows_of_the_site(user: User) -> None:
    """Make a row of each model in the admin whose rows belong to no patient."""
    Group.objects.create(name=user.email)
    TOTPDevice.objects.create(user=user)
    StaticDevice.objects.create(user=user)
    attempt = {"username": user.email, "path_info": "/"}
    access = {"user_agent": "x", "ip_address": "192.0.2.1", **attempt}
    AccessLog.objects.create(**access)
    AccessFailureLog.objects.create(**access)
    AccessAttempt.objects.create(**access, failures_since_start=1)


def session_of(user: User) -> str:
    """Return the key of a session in which that user is signed in."""
    client = Client()
    client.force_login(user)
    return str(client.session.session_key)


def start_keys_high(first: int = FIRST_KEY) -> None:
    """Start the keys of all tables at four digits, so that an absent key of that length exists."""
    tables = [
        (model._meta.db_table, model._meta.pk.column)
        for model in apps.get_models()
        if model._meta.pk.get_internal_type() == "BigAutoField"
    ]
    with connection.cursor() as cursor:
        for table, column in tables:
            START_KEY[connection.vendor](cursor, table, column, first)


def _on_sqlite(cursor: Any, table: str, column: str, first: int) -> None:
    cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
    cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, first])


def _on_postgres(cursor: Any, table: str, column: str, first: int) -> None:
    sequence = "pg_get_serial_sequence(%s, %s)"
    given = [table, column, table, column, first]
    cursor.execute(f"SELECT setval({sequence}, greatest(nextval({sequence}), %s))", given)


START_KEY = {"sqlite": _on_sqlite, "postgresql": _on_postgres}
