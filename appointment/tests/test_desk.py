"""The frame of the desk: who may open its pages, where `/admin/` leads, what is recorded."""

from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, User
from doctor.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def test_the_admin_leads_staff_who_see_visits_to_the_day(desk: Client) -> None:
    LocationFactory()
    answer = desk.get(reverse("admin:index"))
    assert answer.status_code == 302
    assert answer["Location"] == "/admin/desk/"
    assert desk.get("/admin/records/").status_code == 200


def test_a_page_records_one_event_of_its_kind_and_a_made_up_site_is_absent(desk: Client) -> None:
    site = LocationFactory()
    assert desk.get("/admin/desk/", {"location": site.pk}).status_code == 200
    kinds = AuditEvent.objects.values_list("kind", "action", "patient_id")
    assert list(kinds) == [("desk.day", "read", None)]
    for made_up in (10**22, "x", "0", site.pk + 1):
        assert desk.get("/admin/desk/", {"location": made_up}).status_code == 404


def test_a_part_asked_for_after_signing_out_leads_to_the_login_page() -> None:
    page = "http://testserver/admin/desk/?date=2026-12-02"
    login = f"/admin/login/?next={quote(page, safe='')}"
    part = Client().post(
        "/admin/desk/changes/", headers={"hx-request": "true", "hx-current-url": page}
    )
    assert part["HX-Redirect"] == login
    action = Client().post("/admin/desk/visits/1/check-in/", headers={"referer": page})
    assert action["Location"] == login
    foreign = Client().post("/admin/desk/changes/", headers={"referer": "http://other.example/"})
    assert foreign["Location"] == "/admin/login/?next=%2Fadmin%2Fdesk%2F"
