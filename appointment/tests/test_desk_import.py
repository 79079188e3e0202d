"""The page that imports files: who may, what it keeps between check and confirmation, its limit."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, User
from accounts.tests.factories import StaffFactory, SuperuserFactory
from appointment.models import StagedImport
from appointment.tests.test_imports import HOURS, REED, csv_of
from doctor.tests.factories import DoctorFactory, LocationFactory, SiteStaffFactory
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.people import reception_group

pytestmark = pytest.mark.django_db
PAGE = "/admin/desk/import/"
BAD = {"external_id": "P-2", "last_name": ""}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def admin() -> Client:
    return signed_in(SuperuserFactory())


def sent(client: Client, data: bytes, kind: str = "patients") -> Any:
    file = SimpleUploadedFile("file.csv", data, "text/csv")
    return client.post(PAGE, {"kind": kind, "file": file})


def text(answer: Any) -> str:
    assert answer.status_code == 200
    page: str = answer.content.decode()
    return page


def confirmed(client: Client, answer: Any, **ticked: str) -> str:
    return text(client.post(PAGE, {"staged": answer.context["staged"].pk, **ticked}))


def test_a_file_is_checked_confirmed_and_written_once(admin: Client) -> None:
    checked = sent(admin, csv_of(REED, BAD))
    page = text(checked)
    assert "Patients: 1 new, 0 changed, 0 unchanged, 1 refused. Nothing is written yet." in page
    assert "<code>last_name</code> This field cannot be blank." in page
    refused = admin.post(PAGE, {"staged": checked.context["staged"].pk})
    assert "Nothing is written: rows are refused (1)." in text(refused)
    assert Patient.objects.count() == 0
    assert list(AuditEvent.objects.values_list("kind", "action")) == [("desk.import", "read")] * 2
    written = confirmed(admin, refused, good_rows_only="on")
    assert "Patients written: 1 new, 0 changed. The others: 0 unchanged, 1 refused." in written
    assert [patient.name for patient in Patient.objects.all()] == ["Lucía Reed"]
    assert "not kept any more: it is written already" in confirmed(
        admin, refused, good_rows_only="on"
    )
    assert set(AuditEvent.objects.filter(role="staff", channel="admin").values_list("kind")) == {
        ("desk.import",),
        ("import.patients",),
        ("patient.patient",),
    }
    assert "there is nothing to write" in text(sent(admin, csv_of(REED)))


def test_who_may_be_there_already_is_linked_and_added_when_ticked(admin: Client) -> None:
    known = PatientFactory(phone_number=REED["phone_number"])
    checked = sent(admin, csv_of(REED))
    assert f'href="/admin/patient/patient/{known.pk}/change/"' in text(checked)
    assert "Patients written: 1 new" in confirmed(admin, checked, adds_doubted="on")
    assert Patient.objects.count() == 2


def test_the_file_of_another_user_and_one_that_has_expired_are_not_kept(admin: Client) -> None:
    checked = sent(admin, csv_of(REED))
    assert "not kept" in confirmed(signed_in(SuperuserFactory()), checked)
    StagedImport.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert "not kept" in confirmed(admin, checked)
    assert StagedImport.objects.delete_expired(timezone.now()) == 1
    assert Patient.objects.count() == 0


def may_enter_hours(user: User) -> User:
    """Give the user the permissions on weekly hours that Reception lacks, and return the user."""
    names = ("add_weeklyhours", "change_weeklyhours")
    user.user_permissions.add(*Permission.objects.filter(codename__in=names))
    return user


def of_reception(**site: Any) -> User:
    user: User = SiteStaffFactory(**site).user if site else StaffFactory()
    user.groups.add(reception_group())
    return user


@pytest.mark.parametrize(
    ("make", "kinds"),
    [
        (SuperuserFactory, ["doctors", "hours", "patients"]),
        (of_reception, ["patients"]),
        (lambda: may_enter_hours(of_reception()), ["hours", "patients"]),
        (lambda: may_enter_hours(of_reception(location=LocationFactory())), ["hours"]),
        (lambda: of_reception(location=LocationFactory()), []),
    ],
)
def test_staff_import_what_they_may_add_and_change(
    make: Callable[[], User], kinds: list[str]
) -> None:
    client = signed_in(make())
    page = client.get(PAGE)
    assert page.status_code == (200 if kinds else 403)
    if kinds:
        assert [each.name for each in page.context["kinds"]] == kinds
        assert "<td><code>external_id</code></td>" in text(page)
    for kind in ("doctors", "hours", "patients", "x\0"):
        expected = 404 if kinds else 403
        status = 200 if kind in kinds else expected
        assert client.get(PAGE, {"template": kind}).status_code == status
        assert sent(client, b"", kind).status_code == status


def test_the_templates_of_all_kinds_can_be_sent_back(admin: Client) -> None:
    LocationFactory(name="Central clinic")
    DoctorFactory(external_id="D-100", license_number="1")
    for kind in ("hours", "patients"):
        template = admin.get(PAGE, {"template": kind})
        assert template.content.decode("utf-8-sig").startswith("external_id,")
        assert template["Content-Disposition"] == f'attachment; filename="{kind}.csv"'
        assert "1 new, 0 changed" in text(sent(admin, template.content, kind))


def test_a_form_without_a_usable_file_says_so_and_one_too_large_leads_back(admin: Client) -> None:
    assert "Choose a file first." in text(admin.post(PAGE, {"kind": "patients"}))
    assert "The file is empty." in text(sent(admin, b""))
    assert admin.post(PAGE, {"staged": 10**22}).status_code == 404
    assert "not kept" in text(admin.post(PAGE, {"staged": 7}))
    answer = sent(admin, b"x" * 8 * 1024 * 1024)
    assert answer.status_code == 302
    assert "The file is larger than 8 MiB." in text(admin.get(answer["Location"]))
    rows = [HOURS | {"external_id": f"H-{number}", "weekday": "x"} for number in range(1001)]
    assert "The file has more than 1,000 rows." in text(sent(admin, csv_of(*rows), "hours"))
