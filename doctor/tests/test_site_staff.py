"""Who is restricted to which sites, what that costs, and which doctors belong to a site."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db.models import ProtectedError

from accounts.models import User
from accounts.tests.factories import PASSWORD, StaffFactory, UserFactory
from doctor.exceptions import HoursOverlap
from doctor.models import Doctor, Location, Schedule, SiteStaff
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    SiteStaffFactory,
    WeeklyHoursFactory,
    day_ahead,
)
from tests.admin_client import AdminClient, form_errors, page
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db


def again(user: User) -> User:
    """Load the user as the next request does."""
    return User.objects.get(pk=user.pk)


@pytest.fixture
def there() -> Location:
    location: Location = LocationFactory()
    return location


# --- Who sees which sites -------------------------------------------------------------------------


def test_without_any_membership_all_staff_see_all_sites(staff: User) -> None:
    assert staff.sites is None
    assert staff.works_at(7)


def test_a_member_sees_the_own_sites_and_other_staff_none(
    staff: User, here: Location, there: Location
) -> None:
    for location in (here, there):
        SiteStaffFactory(user=staff, location=location)
    assert again(staff).sites == frozenset({here.pk, there.pk})
    assert StaffFactory().sites == frozenset()


def test_the_permission_and_superusers_see_all_sites(member: User, superuser: User) -> None:
    member.user_permissions.add(Permission.objects.get(codename="view_all_sites"))
    assert again(member).sites is None
    assert superuser.sites is None


def test_who_is_no_staff_any_more_sees_no_site(member: User) -> None:
    member.revise(is_staff=False)
    assert again(member).sites == frozenset()


def test_the_sites_of_a_request_take_one_statement(member: User) -> None:
    member.has_perm("doctor.view_all_sites")  # Django keeps the permissions
    with counted_statements() as statements:
        assert len({member.sites for _ in range(5)}) == 1
    assert len(statements) == 1


def test_a_call_of_staff_takes_one_statement_more_and_one_of_a_patient_none(
    staff: User, patient, here: Location, client_of
) -> None:
    ScheduleFactory(location=here)
    clients = [client_of(again(staff)), client_of(patient.user)]

    def statements() -> list[int]:
        found = []
        for client in clients:
            with counted_statements() as made:
                assert client.get("/api/doctor/schedules/").json()["count"] == 1
            assert sum("sitestaff" in sql for sql in made) == (client is clients[0])
            found.append(len(made))
        return found

    before = statements()
    SiteStaffFactory(user=staff, location=here)
    assert statements() == before


# --- Memberships ----------------------------------------------------------------------------------


def test_only_superusers_write_memberships(member: User, superuser: User, there: Location) -> None:
    member.user_permissions.set(Permission.objects.all())
    typed = {"user": member.pk, "location": there.pk}
    path = page(SiteStaff, "add")
    assert AdminClient(again(member)).client.post(path, typed).status_code == 403
    assert AdminClient(superuser).send(path, typed).status_code == 200
    assert again(member).site_memberships.count() == 2
    again_refused = AdminClient(superuser).send(path, typed)
    assert form_errors(again_refused) == ["This person is a member of this site already."]


def test_only_staff_become_members(superuser: User, here: Location) -> None:
    typed = {"user": UserFactory().pk, "location": here.pk}
    assert form_errors(AdminClient(superuser).send(page(SiteStaff, "add"), typed))
    assert not SiteStaff.objects.exists()


def test_a_location_with_members_is_not_deleted(
    superuser: User, member: User, here: Location
) -> None:
    shown = AdminClient(superuser).delete(here)
    assert f"{member.first_name} {member.last_name} at {here}" in shown.content.decode()
    assert "cannot be deleted, because of:" in shown.content.decode()
    with pytest.raises(ProtectedError):
        here.delete()
    assert Location.objects.filter(pk=here.pk).exists()


def test_a_member_who_is_no_staff_any_more_cannot_delete_the_account(
    member: User, client_of
) -> None:
    member.revise(is_staff=False)
    answer = client_of(member).post("/api/auth/delete-account/", {"password": PASSWORD})
    assert answer.status_code == 403
    assert SiteStaff.objects.exists()


# --- Doctors of a site ----------------------------------------------------------------------------


def scopes(member: User) -> dict[str, set[Any]]:
    return {
        name: set(getattr(Doctor.objects, name)(member))
        for name in ("at_sites_of", "only_at_sites_of", "for_calendar_of")
    }


def test_doctors_belong_to_the_sites_where_they_work_from_today_on(
    member: User, here: Location, there: Location
) -> None:
    by_session = ScheduleFactory(location=here).doctor
    hours = {"valid_from": day_ahead(300), "valid_until": None}
    by_hours = WeeklyHoursFactory(location=here, **hours).doctor
    shared = ScheduleFactory(location=here).doctor
    ScheduleFactory(doctor=shared, location=there, date=day_ahead(5))
    left = ScheduleFactory(location=here, date=day_ahead(-30)).doctor
    ScheduleFactory(doctor=left, location=there)
    elsewhere, new = ScheduleFactory(location=there).doctor, DoctorFactory()
    assert scopes(member) == {
        "at_sites_of": {by_session, by_hours, shared},
        "only_at_sites_of": {by_session, by_hours, new},
        "for_calendar_of": {by_session, by_hours, shared, left, new},
    }
    assert elsewhere not in set().union(*scopes(member).values())


def test_staff_without_a_site_change_no_doctor(here: Location) -> None:
    SiteStaffFactory(location=here)
    new = DoctorFactory()
    assert scopes(StaffFactory()) == {
        "at_sites_of": set(),
        "only_at_sites_of": set(),
        "for_calendar_of": {new},  # at no location
    }


def test_staff_of_all_sites_have_all_doctors(superuser: User) -> None:
    everybody = {DoctorFactory(), ScheduleFactory().doctor}
    SiteStaffFactory()
    assert scopes(superuser) == dict.fromkeys(scopes(superuser), everybody)


def test_staff_of_a_site_only_read_doctors_who_also_work_elsewhere(
    member: User, here: Location, there: Location
) -> None:
    member.user_permissions.set(Permission.objects.exclude(codename="view_all_sites"))
    own, shared = ScheduleFactory(location=here).doctor, ScheduleFactory(location=here).doctor
    ScheduleFactory(doctor=shared, location=there, date=day_ahead(5))
    client = AdminClient(again(member))
    for doctor, status in ((own, 200), (shared, 403)):
        assert client.status(page(doctor, "change")) == 200
        assert client.client.post(page(doctor, "change"), {}).status_code == status
        assert client.status(page(doctor, "delete")) == status


# --- Sessions in the API --------------------------------------------------------------------------


def test_staff_of_another_site_see_of_sessions_what_the_public_sees(
    member: User, here: Location, there: Location, client_of
) -> None:
    kept = [ScheduleFactory(location=here, is_active=False), ScheduleFactory(location=there)]
    hidden = ScheduleFactory(location=there, is_active=False)
    client = client_of(member)
    listed = client.get("/api/doctor/schedules/").json()["results"]
    assert {row["id"] for row in listed} == {session.pk for session in kept}
    assert client.get(f"/api/doctor/schedules/{hidden.pk}/").status_code == 404
    assert client.patch(f"/api/doctor/schedules/{kept[1].pk}/", {"capacity": 2}).status_code == 404
    assert client.patch(f"/api/doctor/schedules/{kept[0].pk}/", {"capacity": 2}).status_code == 200


def test_a_session_at_another_site_is_refused_as_at_an_absent_one(
    member: User, here: Location, there: Location, client_of
) -> None:
    client, doctor = client_of(member), ScheduleFactory(location=here).doctor
    stranger = ScheduleFactory(location=there).doctor
    body = {
        "doctor": doctor.pk,
        "location": here.pk,
        "date": str(day_ahead(9)),
        "start_time": "09:00",
        "end_time": "10:00",
    }

    def refused(**other: int) -> list[tuple[str, str]]:
        answer = client.post("/api/doctor/schedules/", {**body, **other})
        assert answer.status_code == 400
        return [(each["field"], each["code"]) for each in answer.json()["errors"]]

    for name, key in (("location", there.pk), ("doctor", stranger.pk)):
        assert refused(**{name: key}) == refused(**{name: 987654}) == [(name, "does_not_exist")]
    assert client.post("/api/doctor/schedules/", body).status_code == 201
    assert Schedule.objects.filter(doctor=doctor).count() == 2


def test_hours_in_the_way_at_another_site_are_not_named_in_the_admin(
    member: User, here: Location, there: Location
) -> None:
    member.user_permissions.set(Permission.objects.exclude(codename="view_all_sites"))
    kept = {"valid_from": day_ahead(1), "weekday": day_ahead(1).weekday()}
    hours = WeeklyHoursFactory(location=there, **kept)
    ScheduleFactory(doctor=hours.doctor, location=here, date=day_ahead(2))
    typed = {"doctor": hours.doctor_id, "location": here.pk, "every_weeks": 1, "capacity": 1}
    times = {"start_time": "09:00", "end_time": "11:00", **kept}
    errors = form_errors(
        AdminClient(again(member)).send(page(type(hours), "add"), {**typed, **times})
    )
    assert errors == [str(HoursOverlap.message)]
