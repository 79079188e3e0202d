"""The public directory: doctors, specialties, languages, locations."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from rest_framework.test import APIClient

from doctor.models import Doctor
from doctor.tests.factories import (
    DoctorFactory,
    LanguageFactory,
    LocationFactory,
    ScheduleFactory,
    SpecialtyFactory,
    day_ahead,
)
from tests.problems import assert_invalid, assert_problem

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

DOCTORS = "/api/doctor/doctors/"


def get(path: str, **query: object):
    return APIClient().get(path, query)


def found(path: str = DOCTORS, **query: object) -> list[int]:
    """Return the ids in the response of a list endpoint, in their order."""
    response = get(path, **query)
    assert response.status_code == 200, response.content[:500]
    return [row["id"] for row in response.json()["results"]]


def test_a_doctor_shows_the_fields_for_choosing_one() -> None:
    doctor = DoctorFactory(first_name="Elena", last_name="García", bio="Twenty years of hearts.")
    cardiology = SpecialtyFactory(name="Cardiology")
    spanish = LanguageFactory(tag="es", name="Spanish")
    doctor.specialties.add(cardiology)
    doctor.languages.add(spanish)
    here = ScheduleFactory(doctor=doctor, location__name="Clínica Centro").location
    expected = {
        "id": doctor.pk,
        "name": "Dr. Elena García",
        "title": "Dr.",
        "first_name": "Elena",
        "last_name": "García",
        "bio": "Twenty years of hearts.",
        "specialties": [{"id": cardiology.pk, "name": "Cardiology"}],
        "languages": [{"id": spanish.pk, "tag": "es", "name": "Spanish"}],
        "locations": [{"id": here.pk, "name": "Clínica Centro"}],
        "accepts_patients": True,
    }
    assert get(f"{DOCTORS}{doctor.pk}/").json() == expected
    page = {"count": 1, "next": None, "previous": None, "results": [expected]}
    assert get(DOCTORS).json() == page


def test_an_inactive_doctor_is_absent_and_one_who_accepts_no_patients_is_not() -> None:
    gone, full = DoctorFactory(is_active=False), DoctorFactory(accepts_patients=False)
    assert found() == [full.pk]
    assert get(f"{DOCTORS}{full.pk}/").json()["accepts_patients"] is False
    assert_problem(get(f"{DOCTORS}{gone.pk}/"), 404, "not_found")


def test_doctors_are_found_by_specialty_language_and_location() -> None:
    session = ScheduleFactory()
    doctor, other = session.doctor, ScheduleFactory().doctor
    specialty, language = SpecialtyFactory(), LanguageFactory()
    doctor.specialties.add(specialty)
    doctor.languages.add(language)
    other.languages.add(language)
    assert found(specialty=specialty.pk) == [doctor.pk]
    assert found(location=session.location.pk) == [doctor.pk]
    assert found(language=language.pk) == [doctor.pk, other.pk]
    assert found(language=language.pk, specialty=specialty.pk) == [doctor.pk]
    assert found(specialty=specialty.pk, location=other.schedules.get().location.pk) == []


@pytest.mark.parametrize("name", ["specialty", "language", "location"])
def test_an_unmatched_filter_gives_an_empty_list_and_an_invalid_one_400(name: str) -> None:
    DoctorFactory()
    for absent in (0, -1, 999_999, 2**63 - 1, 2**63, 10**22, -(10**22)):
        assert found(**{name: absent}) == []
    for junk in ("x", "1,2", "1e3", "1.5", "\0", "9" * 5000):
        assert_invalid(get(DOCTORS, **{name: junk}), name)


def test_a_doctor_has_the_locations_of_coming_sessions_only() -> None:
    past = ScheduleFactory(date=day_ahead(-3))
    closed = ScheduleFactory(is_active=False)
    assert found(location=past.location.pk) == found(location=closed.location.pk) == []
    for session in (past, closed):
        assert get(f"{DOCTORS}{session.doctor.pk}/").json()["locations"] == []


def test_each_current_location_is_shown_once_by_name() -> None:
    doctor = DoctorFactory()
    south, north = LocationFactory(name="South"), LocationFactory(name="North")
    for days, place in enumerate((south, north, south), start=1):
        ScheduleFactory(doctor=doctor, location=place, date=day_ahead(days))
    names = [place["name"] for place in get(f"{DOCTORS}{doctor.pk}/").json()["locations"]]
    assert names == ["North", "South"]


def test_today_is_the_date_at_the_location() -> None:
    """On 2 December at 02:00 UTC it is 1 December in New York and 2 December in Madrid."""
    first = date(2026, 12, 1)
    with time_machine.travel(datetime(2026, 12, 2, 2, tzinfo=UTC), tick=False):
        madrid = ScheduleFactory(date=first, location__time_zone="Europe/Madrid")
        new_york = ScheduleFactory(date=first, location__time_zone="America/New_York")
        assert found(location=madrid.location.pk) == []
        assert found(location=new_york.location.pk) == [new_york.doctor.pk]
        assert get(f"{DOCTORS}{madrid.doctor.pk}/").json()["locations"] == []
        [place] = get(f"{DOCTORS}{new_york.doctor.pk}/").json()["locations"]
        assert place["id"] == new_york.location.pk


def test_search_looks_at_names_and_specialties_and_shows_each_doctor_once() -> None:
    doctor = DoctorFactory(first_name="Elena", last_name="García")
    DoctorFactory(first_name="Max", last_name="Weber")
    for name in ("Heart surgery", "Heart rhythm"):
        doctor.specialties.add(SpecialtyFactory(name=name))
    for words in ("elena", "GARC", "heart", "heart garcía", "elena rhythm"):
        assert found(search=words) == [doctor.pk], words
    assert found(search="elena weber") == []
    assert len(found(search="")) == 2


def test_a_search_that_the_database_cannot_run_is_400() -> None:
    for words in ("x " * 5000, "x" * 201, "a\0b", " ".join("abcdefghijk")):
        assert_invalid(get(DOCTORS, search=words), "search")


def test_doctors_are_ordered_by_last_name_unless_asked_otherwise() -> None:
    names = [("Zoe", "Alba"), ("Ana", "Alba"), ("Max", "Cid"), ("Bea", "Brox")]
    zoe, ana, max_, bea = (DoctorFactory(first_name=f, last_name=n).pk for f, n in names)
    assert found() == found(ordering="last_name") == [ana, zoe, bea, max_]
    assert found(ordering="-last_name") == [max_, bea, ana, zoe]
    assert found(ordering="first_name") == [ana, bea, max_, zoe]
    assert found(ordering="last_name,-first_name") == [zoe, ana, bea, max_]
    assert_invalid(get(DOCTORS, ordering="license_number"), "ordering")


def test_pages_neither_repeat_nor_skip_doctors_of_one_name() -> None:
    everybody = {DoctorFactory(first_name="Ana", last_name="Gil").pk for _ in range(7)}
    for ordering in ("first_name", "-last_name"):
        pages = [found(ordering=ordering, page_size=2, page=page) for page in (1, 2, 3, 4)]
        assert [len(page) for page in pages] == [2, 2, 2, 1]
        assert {pk for page in pages for pk in page} == everybody


def test_a_page_has_20_rows_unless_asked_and_100_at_most() -> None:
    Doctor.objects.bulk_create(DoctorFactory.build_batch(105))
    first = get(DOCTORS).json()
    assert (first["count"], len(first["results"]), first["previous"]) == (105, 20, None)
    assert APIClient().get(first["next"]).json()["previous"] == f"http://testserver{DOCTORS}"
    assert [len(found(page_size=size)) for size in (1, 100, 101, 1000)] == [1, 100, 100, 100]
    assert len(found(page_size=100, page=2)) == 5


def test_a_page_beyond_the_end_is_404_and_one_that_is_no_number_400() -> None:
    assert found(page=1) == []
    for page in (2, 10**30):
        assert_problem(get(DOCTORS, page=page), 404, "not_found")
    for junk in ("0", "-1", "abc", "1.0", "", "\0", "last", "9" * 5000):
        assert_invalid(get(DOCTORS, page=junk), "page")
        assert_invalid(get(DOCTORS, page_size=junk), "page_size")


def test_a_specialty_a_language_and_a_location_show_their_fields() -> None:
    specialty = SpecialtyFactory(name="Cardiology", code="394579002", description="Hearts.")
    language = LanguageFactory(tag="pt-BR", name="Portuguese")
    place = LocationFactory(name="Centro", address="Calle Mayor 1", phone="+34 910 12 34 56")
    fields = {
        f"/api/doctor/specialties/{specialty.pk}/": {
            "id": specialty.pk,
            "name": "Cardiology",
            "code": "394579002",
            "description": "Hearts.",
        },
        f"/api/doctor/languages/{language.pk}/": {
            "id": language.pk,
            "tag": "pt-BR",
            "name": "Portuguese",
        },
        f"/api/doctor/locations/{place.pk}/": {
            "id": place.pk,
            "name": "Centro",
            "address": "Calle Mayor 1",
            "phone": "+34910123456",
            "time_zone": "Europe/Madrid",
            "country": None,
            "subdivision": None,
        },
    }
    for path, expected in fields.items():
        assert get(path).json() == expected
        assert get(path[: path.rindex("/", 0, -1) + 1]).json()["results"] == [expected]


def test_a_specialty_without_a_code_has_null() -> None:
    specialty = SpecialtyFactory(code="")
    assert get(f"/api/doctor/specialties/{specialty.pk}/").json()["code"] is None


@pytest.mark.parametrize("kind", ["doctors", "specialties", "languages", "locations"])
def test_an_absent_row_is_404(kind: str) -> None:
    for key in ("0", "999999", "999999999999999999", "9" * 30, "-1", "x", "1.5"):
        assert_problem(get(f"/api/doctor/{kind}/{key}/"), 404, "not_found")


def test_by_specialty_lists_its_active_doctors() -> None:
    specialty, nobodys = SpecialtyFactory(), SpecialtyFactory()
    zoe, ana = DoctorFactory(last_name="Zubi"), DoctorFactory(last_name="Alba")
    for doctor in (zoe, ana, DoctorFactory(is_active=False)):
        doctor.specialties.add(specialty)
    DoctorFactory()
    by = "/api/doctor/by-specialty/"
    assert found(f"{by}{specialty.pk}/") == [ana.pk, zoe.pk]
    assert get(f"{by}{specialty.pk}/").json()["results"][0] == get(f"{DOCTORS}{ana.pk}/").json()
    assert found(f"{by}{nobodys.pk}/") == []
    assert_problem(get(f"{by}999999/"), 404, "not_found")


def test_a_session_of_today_counts_until_midnight_there() -> None:
    noon = datetime(2026, 12, 1, 12, tzinfo=UTC)
    with time_machine.travel(noon, tick=False) as clock:
        session = ScheduleFactory(date=date(2026, 12, 1))  # over since 10:00 UTC
        assert found(location=session.location.pk) == [session.doctor.pk]
        clock.shift(timedelta(hours=10, minutes=59))
        assert found(location=session.location.pk) == [session.doctor.pk]
        clock.shift(timedelta(minutes=1))
        assert found(location=session.location.pk) == []
