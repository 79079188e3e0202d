"""Every page of the admin reads as much of a clinic with 10 times the years as of the younger one.

Buffers and rows are counted from PostgreSQL's plans, so that the drill needs no quiet machine. At
`--scale=1` the clinics have 100,000 and a million visits; at a smaller scale, as many of the pages
are opened.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from zlib import crc32

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from doctor.models import Location, SiteStaff
from extensions.admin.lists import MOST_COUNTED
from tests.drills.admin_pages import Page, pages_of, words_of_clinic
from tests.drills.conftest import Sized
from tests.drills.grown_clinic import Size, fill
from tests.drills.plans import Cost, explaining, rolled_back
from tests.people import reception_group

pytestmark = [pytest.mark.django_db(transaction=True)]

VISITS, TIMES_AS_MANY, DOCTORS = 100_000, 10, 20
GROWTH = 1.15
SLACK = 400  # buffers: an index of more rows is a level deeper for each of its look-ups
MOST = 60_000  # buffers of a page: a search for a common name reads what a thousand people have
TABLES = (
    "accounts_auditevent", "appointment_appointment", "appointment_appointmentevent",
    "appointment_waitlistentry", "doctor_slot", "doctor_schedule", "doctor_weeklyhours",
    "doctor_doctor", "doctor_location", "doctor_specialty", "doctor_language",
    "patient_patient", "patient_patientword", "patient_medicalhistory", "accounts_user",
)  # fmt: skip


@pytest.fixture(autouse=True)
def only_ours(settings: Any) -> None:
    """Measure without the middleware of the suite."""
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if not each.startswith("zeal")]


@pytest.mark.parametrize("who", ["superuser", "staff of a site"])
def test_a_page_of_the_admin_reads_no_more_of_an_older_clinic(
    who: str, sized: Sized, report: Callable[[str], None]
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no count of what it reads")
    number, one_of = sized(VISITS), 1000 // min(1000, sized(1000))
    few = measured(Size(number, DOCTORS), who, one_of)
    many = measured(Size(number * TIMES_AS_MANY, DOCTORS), who, one_of)
    assert many
    slack = SLACK if number >= VISITS else MOST_COUNTED  # a small table is read whole, or by rows
    grown = []
    for (model, name), cost in many.items():
        before = few.get((model, name))
        old = before.buffers if before else 0
        report(f"{model:28} {name[:56]:56} {cost.statements:3} statements {old:6} {cost.buffers:6}")
        assert cost.status == 200, (model, name, cost.status)
        if (before and cost.buffers > GROWTH * old + slack) or cost.buffers > MOST:
            grown.append((model, name, old, cost.buffers, cost.plans[0][2][:300]))
    assert not grown


def measured(size: Size, who: str, one_of: int) -> dict[tuple[str, str], Cost]:
    """Return the costs of pages, by their model and name, in a clinic of this size.

    `one_of`: of so many pages one is opened, in each clinic the same.
    """
    with clinic(size):
        user = User.objects.get(is_superuser=True)
        if who != "superuser":
            user = User.objects.create_user("site@example.com", "a long sentence", is_staff=True)
            user.groups.add(reception_group())
            SiteStaff.objects.create(user=user, location=Location.objects.earliest("pk"))
        client = Client()
        client.force_login(user)
        pages = pages_of(User.objects.get(pk=user.pk), words_of_clinic())
        some = [each for each in pages if not crc32(f"{each.model} {each.name}".encode()) % one_of]
        return {(page.model, page.name): cost_of(client, page) for page in some}


@contextmanager
def clinic(size: Size) -> Iterator[None]:
    """Fill the database for the block, and empty it."""
    fill(size, timezone.now())
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(TABLES)} RESTART IDENTITY CASCADE")


def cost_of(client: Client, page: Page) -> Cost:
    """Open the page, and return what PostgreSQL read for it."""
    cost = Cost()
    with rolled_back(), connection.execute_wrapper(explaining(cost)):
        cost.status = client.get(page.path).status_code
    cost.plans.sort(key=lambda each: -each[1])
    return cost
