"""A doctor's own day: who signs in, what is seen and done there, and nothing else."""

import html
import re
from datetime import time, timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent, User
from accounts.tests.factories import UserFactory
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Doctor, TimeOff
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    PublishedScheduleFactory,
    ScheduleFactory,
    SiteStaffFactory,
)
from patient.tests.factories import MedicalHistoryFactory

pytestmark = pytest.mark.django_db
A_DAY = timedelta(days=1)


@pytest.fixture
def own(db: None) -> Doctor:
    """Return an active doctor whose account is in the group Doctor, and not staff."""
    user = UserFactory()
    user.groups.add(Group.objects.get(name="Doctor"))
    return DoctorFactory(user=user)


@pytest.fixture
def client(own: Doctor) -> Client:
    client = Client()
    client.force_login(own.user)
    return client


@pytest.fixture
def visit(own: Doctor) -> Appointment:
    """Return a visit of the doctor today, which began a few minutes ago."""
    location_day = PublishedScheduleFactory(doctor=own)
    visit = AppointmentFactory(slot=location_day.slots.first())
    now = timezone.now()
    Appointment.objects.filter(pk=visit.pk).update(
        starts_at=now - timedelta(minutes=7),
        ends_at=now + timedelta(minutes=13),
        date=visit.location.today(now),
    )
    visit.refresh_from_db()
    return visit


def act(client: Client, verb: str, visit: Appointment) -> None:
    answer = client.post(reverse(f"desk:mine-{verb}", args=[visit.pk]))
    assert answer.status_code == 302
    visit.refresh_from_db()


@pytest.mark.parametrize("in_group", [True, False])
def test_doctors_of_the_group_sign_in_and_others_do_not(own: Doctor, in_group: bool) -> None:
    own.user.set_password("correct horse battery")
    own.user.save()
    if not in_group:
        own.user.groups.clear()
    typed = {"username": own.user.email, "password": "correct horse battery"}
    answer = Client().post(reverse("admin:login"), typed)
    assert answer.status_code == (302 if in_group else 200)


def test_the_admin_leads_a_doctor_to_the_own_day_and_shows_nothing_else(client: Client) -> None:
    assert client.get("/admin/")["Location"] == "/admin/desk/mine/"
    assert client.get("/admin/desk/mine/").status_code == 200
    for path in ("", "book/", "away/", "line/", "hours/", "figures/", "import/"):
        assert client.get(f"/admin/desk/{path}").status_code == 403, path
    for path in ("appointment/appointment/", "patient/patient/", "doctor/timeoff/"):
        assert client.get(f"/admin/{path}").status_code == 403, path
    assert "permission to view or edit" in client.get("/admin/records/").content.decode()


def test_a_doctor_needs_the_second_factor_as_staff_do(client: Client, settings) -> None:
    settings.ADMIN_SECOND_FACTOR = True
    assert client.get("/admin/desk/mine/")["Location"].startswith("/admin/login/")


def test_a_doctor_who_has_left_and_a_user_without_a_doctor_see_no_day(
    client: Client, own: Doctor
) -> None:
    Doctor.objects.filter(pk=own.pk).update(is_active=False)
    assert client.get("/admin/desk/mine/").status_code == 403


def test_the_day_shows_the_own_visits_and_records_one_event(
    client: Client, visit: Appointment
) -> None:
    other = AppointmentFactory()
    page = client.get("/admin/desk/mine/", {"date": visit.date}).content.decode()
    assert visit.patient.name in page
    assert "late 7 min" in page
    # The part around the link is swapped as a whole, and htmx inherits this.
    assert 'hx-target="#panel" hx-swap="innerHTML">History' in page
    assert other.patient.name not in page
    events = AuditEvent.objects.values_list("kind", "role", "patient_id")
    assert list(events) == [("desk.mine", "doctor", None)]


def test_a_refresh_answers_204_until_something_changes_and_records_nothing(
    client: Client, visit: Appointment
) -> None:
    htmx = {"hx-request": "true"}
    page = client.get("/admin/desk/mine/", {"date": visit.date}).content.decode()
    [refresh] = re.findall('hx-get="(/admin/desk/mine/[?][^"]*)" hx-trigger="every', page)
    refresh = html.unescape(refresh)
    assert client.get(refresh, headers=htmx).status_code == 204
    visit.check_in()
    assert "waiting 0 min" in client.get(refresh, headers=htmx).content.decode()
    assert AuditEvent.objects.filter(kind="desk.mine").count() == 1  # of the page
    forged = re.sub("proof=[^&]*", "proof=x", refresh)
    assert client.get(forged, headers=htmx).status_code == 200
    assert AuditEvent.objects.filter(kind="desk.mine").count() == 2


def test_arrived_done_and_undo_are_the_doctors(client: Client, visit: Appointment) -> None:
    act(client, "check-in", visit)
    assert visit.checked_in_at
    act(client, "complete", visit)
    assert visit.status == "completed"
    act(client, "undo", visit)
    assert (visit.status, visit.checked_in_at is None) == ("scheduled", False)
    assert set(visit.events.values_list("by", flat=True)) <= {"doctor", "staff", "patient"}
    assert visit.events.latest("pk").by == "doctor"


def test_the_visit_of_another_doctor_is_absent(client: Client) -> None:
    other = AppointmentFactory()
    answer = client.post(reverse("desk:mine-check-in", args=[other.pk]))
    assert answer.status_code == 404
    other.refresh_from_db()
    assert other.checked_in_at is None


def test_a_refusal_is_a_sentence(client: Client, visit: Appointment) -> None:
    act(client, "check-in", visit)
    headers = {"hx-request": "true"}
    answer = client.post(reverse("desk:mine-no-show", args=[visit.pk]), headers=headers)
    assert "has checked in, so this is not a no-show" in answer.content.decode()


def test_the_history_opens_for_the_doctor_who_treats_and_is_recorded(
    client: Client, visit: Appointment
) -> None:
    entry = MedicalHistoryFactory(patient=visit.patient)
    path = reverse("desk:mine-history", args=[visit.patient.pk])
    assert entry.description in client.get(path).content.decode()
    event = AuditEvent.objects.get(kind="patient.medicalhistory")
    assert (event.patient_id, event.role, event.action) == (visit.patient.pk, "doctor", "read")
    stranger = AppointmentFactory().patient
    assert client.get(reverse("desk:mine-history", args=[stranger.pk])).status_code == 404


def test_own_leave_closes_the_times_and_is_taken_back(
    client: Client, own: Doctor, visit: Appointment
) -> None:
    day = visit.location.today() + A_DAY * 9
    session = PublishedScheduleFactory(doctor=own, location=visit.location, date=day)
    typed = {"first_day": day, "last_day": day, "reason": "Congress"}
    client.post(reverse("desk:mine-leave"), typed)
    leave = TimeOff.objects.get()
    assert (leave.doctor, leave.ends_at - leave.starts_at) == (own, A_DAY)
    assert not session.slots.filter(is_open=True).exists()
    client.post(reverse("desk:mine-leave-end", args=[leave.pk]))
    assert not TimeOff.objects.exists()
    assert session.slots.filter(is_open=True).exists()


def test_leave_of_another_doctor_is_absent(client: Client, visit: Appointment) -> None:
    now = timezone.now()
    leave = TimeOff(doctor=DoctorFactory(), starts_at=now, ends_at=now + A_DAY)
    leave.publish()
    assert client.post(reverse("desk:mine-leave-end", args=[leave.pk])).status_code == 404
    assert TimeOff.objects.exists()


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        ("", "", "Choose the first day"),
        ("2027-02-02", "2027-02-01", "before the first"),
        ("9999-12-31", "", "1 January 2100"),
        ("2100-06-01", "", "1 January 2100"),
        ("2020-02-01", "2020-02-02", "This time is over"),
        ("x", "", "Enter a valid date"),
    ],
)
def test_leave_without_sense_is_refused_in_words(
    client: Client, visit: Appointment, first: str, last: str, says: str
) -> None:
    typed = {"first_day": first, "last_day": last, "reason": "x"}
    answer = client.post(reverse("desk:mine-leave"), typed, headers={"hx-request": "true"})
    assert says in answer.content.decode()
    assert not TimeOff.objects.exists()


def test_the_group_holds_one_permission(db: None) -> None:
    group = Group.objects.get(name="Doctor")
    assert [each.codename for each in group.permissions.all()] == ["view_own_day"]
    assert not User.objects.filter(groups=group).exists()


def test_doctors_print_the_own_day_at_every_site_and_no_other(
    client: Client, own: Doctor, visit: Appointment
) -> None:
    afternoon = {"date": visit.date, "start_time": time(15), "end_time": time(16)}
    elsewhere = ScheduleFactory(doctor=own, **afternoon)
    other = AppointmentFactory(slot__schedule__date=visit.date)
    SiteStaffFactory()  # once there is one, `at_sites_of` finds nothing for users who are not staff
    page = client.get("/admin/desk/mine/", {"date": visit.date}).content.decode()
    link = f"/admin/desk/print/?doctor={own.pk}&amp;date={visit.date}"
    assert f'href="{link}"' in page
    sheet = client.get(link.replace("&amp;", "&")).content.decode()
    assert visit.patient.name in sheet
    assert elsewhere.location.name in sheet
    assert other.doctor.name not in sheet
    assert "My day" in sheet
    event = AuditEvent.objects.get(kind="desk.print")
    assert (event.role, event.action, event.patient_id) == ("doctor", "read", None)
    for query in ({"doctor": other.doctor_id}, {"location": other.location_id}):
        assert client.get("/admin/desk/print/", query).status_code == 404
    Doctor.objects.filter(pk=own.pk).update(is_active=False)
    assert client.get("/admin/desk/print/", {"doctor": own.pk}).status_code == 403


def test_staff_who_are_doctors_print_the_own_day_and_those_of_their_sites(
    client: Client, own: Doctor, visit: Appointment
) -> None:
    here = AppointmentFactory()
    own.user.revise(is_staff=True)
    own.user.user_permissions.add(Permission.objects.get(codename="view_appointment"))
    SiteStaffFactory(user=own.user, location=here.location)
    for doctor, role in ((own, "doctor"), (here.doctor, "staff")):
        assert client.get("/admin/desk/print/", {"doctor": doctor.pk}).status_code == 200
        assert AuditEvent.objects.latest("pk").role == role
    assert "Choose a doctor" in client.get("/admin/desk/print/").content.decode()


def test_leave_sent_twice_is_entered_once_and_taken_back_once(
    client: Client, own: Doctor, visit: Appointment
) -> None:
    htmx = {"hx-request": "true"}
    day = visit.location.today() + A_DAY * 9
    session = PublishedScheduleFactory(doctor=own, location=visit.location, date=day)
    sent: list[dict[str, object]] = [{"first_day": day}, {"rest_of_today": "on"}]
    for number, typed in enumerate(sent, start=1):
        first, second = (
            client.post(reverse("desk:mine-leave"), typed, headers=htmx).content.decode()
            for _ in range(2)
        )
        assert "You are away from" in first
        assert "This is entered already" in second
        assert "Undo" not in second
        assert TimeOff.objects.count() == number
    # Leave that overlaps is another leave: the time stays closed until both are taken back.
    longer = client.post(reverse("desk:mine-leave"), {"first_day": day, "last_day": day + A_DAY})
    assert longer.status_code == 302
    leave = TimeOff.objects.latest("pk")
    undo = reverse("desk:mine-leave-end", args=[leave.pk])
    said = client.post(undo, headers=htmx).content.decode()
    assert "is taken back. You are still away from" in said
    assert not session.slots.filter(is_open=True).exists()
    gone = client.post(undo, headers=htmx)
    assert (gone.status_code, "It is not there any more" in gone.content.decode()) == (200, True)


def test_leave_is_on_the_clock_of_the_site_that_is_chosen_and_so_is_its_undo(
    client: Client, own: Doctor, visit: Appointment
) -> None:
    far = LocationFactory(name="Far", time_zone="Pacific/Auckland")
    ScheduleFactory(doctor=own, location=far, date=visit.date + A_DAY * 3)
    page = client.get("/admin/desk/mine/", {"location": far.pk}).content.decode()
    assert f"&amp;location={far.pk}&amp;version=" in page
    assert f'name="location" value="{far.pk}"' in page
    client.get("/admin/desk/mine/", {"location": visit.location_id})  # in another window
    htmx, day = {"hx-request": "true"}, far.today() + A_DAY * 20
    typed = {"first_day": day, "location": far.pk}
    said = client.post(reverse("desk:mine-leave"), typed, headers=htmx).content.decode()
    leave = TimeOff.objects.get()
    assert leave.starts_at.astimezone(far.zone).time() == time()
    assert re.search("00:00 NZ[SD]T", said)
    undo = re.search('hx-post="([^"]+)"', said)
    assert undo
    assert re.search("00:00 NZ[SD]T", client.post(undo[1], headers=htmx).content.decode())
    assert not TimeOff.objects.exists()


def test_leave_that_is_over_is_not_taken_back(
    client: Client, own: Doctor, visit: Appointment
) -> None:
    now = timezone.now()
    leave = TimeOff(doctor=own, starts_at=now - A_DAY, ends_at=now - timedelta(minutes=1))
    leave.publish()
    undo = reverse("desk:mine-leave-end", args=[leave.pk])
    said = client.post(undo, headers={"hx-request": "true"}).content.decode()
    assert "This time is over" in said
    assert TimeOff.objects.exists()


def test_a_doctor_without_a_site_enters_and_takes_back_no_leave(
    client: Client, own: Doctor
) -> None:
    now = timezone.now()
    leave = TimeOff(doctor=own, starts_at=now, ends_at=now + A_DAY)
    leave.publish()
    assert "You have no sessions" in client.get("/admin/desk/mine/").content.decode()
    for path in (reverse("desk:mine-leave"), reverse("desk:mine-leave-end", args=[leave.pk])):
        said = client.post(path, {"rest_of_today": "on"}, headers={"hx-request": "true"})
        assert "You have no sessions" in said.content.decode()
    assert TimeOff.objects.get() == leave


def test_the_first_and_the_last_day_of_the_desk_link_to_no_day_beyond(
    client: Client, visit: Appointment
) -> None:
    for day, other, words in (
        ("2000-01-01", "2000-01-02", "The day before"),
        ("2199-12-31", "2199-12-30", "The day after"),
    ):
        page = client.get("/admin/desk/mine/", {"date": day}).content.decode()
        assert f"?date={other}" in page
        assert words not in page
