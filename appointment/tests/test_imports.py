"""Imports of doctors, weekly hours and patients: what they write, refuse and record."""

import io
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command

from accounts.models import AuditEvent
from appointment.imports import KINDS
from appointment.tests.factories import AppointmentFactory
from doctor.models import Doctor, Schedule, WeeklyHours
from doctor.tests.factories import (
    DoctorFactory,
    LanguageFactory,
    LocationFactory,
    ScheduleFactory,
    SiteStaffFactory,
    SpecialtyFactory,
)
from extensions.dates import REFUSALS
from extensions.imports import Report
from patient.imports import PatientResource
from patient.models import Patient, PatientQuerySet
from patient.tests.factories import PatientFactory
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db

REED = {
    "external_id": "P-1",
    "last_name": "Reed",
    "first_name": "Lucía",
    "date_of_birth": "1990-05-17",
    "phone_number": "+34612345678",
}
HOURS = {
    "external_id": "H-1",
    "doctor": "D-1",
    "location": "central CLINIC",
    "weekday": "monday",
    "start": "9:00",
    "end": "12:00",
    "slot_minutes": "60",
    "valid_from": "2026-01-05",
}
DOCTOR = {"external_id": "D-1", "license_number": "28/1", "last_name": "O'Brien"}


def csv_of(*rows: dict[str, str]) -> bytes:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, *([row.get(name, "") for name in names] for row in rows)]
    return "\n".join(";".join(f'"{cell}"' for cell in line) for line in lines).encode()


def imported(kind: str, *rows: dict[str, str], user: Any = None, **options: bool) -> Report:
    adds_doubted = options.pop("adds_doubted", False)
    return KINDS[kind].reader(csv_of(*rows), user, adds_doubted).run(**options)


def told(report: Report) -> list[tuple[int, str, list[tuple[str, str]]]]:
    return [
        (each.line, each.kind, [(note.column, note.text) for note in each.notes])
        for each in report.listed
    ]


def refusals(report: Report) -> list[str]:
    assert not report.is_written
    return [note.text for each in report.listed if each.kind == "refused" for note in each.notes]


def events() -> list[Sequence[Any]]:
    recorded = AuditEvent.objects.order_by("pk")
    return list(recorded.values_list("action", "kind", "patient_id", "role"))


# --- Patients -------------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_a_second_import_of_patients_writes_nothing_and_a_third_only_what_changed() -> None:
    ruiz = {"external_id": "P-2", "last_name": "Ruiz", "first_name": "Ana"}
    assert imported("patients", REED, ruiz).counts == {"new": 2}
    reed, other = Patient.objects.order_by("external_id")
    assert (reed.date_of_birth, str(reed.phone_number)) == (date(1990, 5, 17), "+34612345678")
    assert reed.last_name_key == "reed"
    assert Patient.wrongly_folded([reed, other]) == set()
    assert events() == [
        ("create", "patient.patient", reed.pk, "system"),
        ("create", "patient.patient", other.pk, "system"),
        ("change", "import.patients", None, "system"),
    ]

    with counted_statements() as sent:
        assert imported("patients", REED, ruiz).counts == {"unchanged": 2}
    assert {sql.split()[0] for sql in sent} == {"SELECT"}

    moved = REED | {"last_name": "Reed-Müller", "phone_number": ""}
    report = imported("patients", moved, ruiz)
    assert told(report) == [
        (
            2,
            "changed",
            [("last_name", "Reed → Reed-Müller"), ("phone_number", "+34612345678 → nothing")],
        )
    ]
    reed.refresh_from_db()
    assert (reed.last_name, reed.phone_number, reed.first_name) == ("Reed-Müller", "", "Lucía")
    assert Patient.wrongly_folded([reed]) == set()
    assert events()[3:] == [
        ("change", "patient.patient", reed.pk, "system"),
        ("change", "import.patients", None, "system"),
    ]


def test_nothing_is_written_while_a_row_is_refused_unless_the_good_rows_are_asked_for() -> None:
    LocationFactory(country="US")
    bad = {
        "external_id": "P-2",
        "last_name": "",
        "date_of_birth": "5/17/1990",
        "sex": "x",
        "phone_number": "12",
        "first_name": "=1+1",
    }
    twice = {"external_id": "P-1", "last_name": "Ruiz", "date_of_birth": "2200-01-01"}
    report = imported("patients", REED, bad, twice)
    assert Patient.objects.count() == 0
    assert AuditEvent.objects.count() == 0
    assert [(line, kind) for line, kind, _ in told(report)] == [
        (2, "new"),
        (3, "refused"),
        (4, "refused"),
    ]
    assert dict(told(report)[1][2]) == {
        "first_name": "The cell begins as a formula does. Write its value instead.",
        "date_of_birth": REFUSALS["numbers"],
        "sex": "Write female, male, other or unknown.",
        "phone_number": "This is not a phone number. Write it with its country code: "
        "+34 612 345 678.",
        "last_name": "This field cannot be blank.",
    }
    assert dict(told(report)[2][2]) == {
        "external_id": "Line 2 of the file has the same.",
        "date_of_birth": "Use a date from 1900 to today.",
    }
    assert imported("patients", REED, bad, twice, good_rows_only=True).is_written
    assert [patient.name for patient in Patient.objects.all()] == ["Lucía Reed"]


@pytest.mark.both_databases
def test_who_may_be_there_already_is_refused_and_named_unless_asked_for() -> None:
    known = PatientFactory(first_name="REED", last_name="lucia", date_of_birth="1990-05-17")
    phone = PatientFactory(phone_number="+34612345679")
    twin = REED | {"external_id": "P-2", "phone_number": "", "first_name": "Ana"}
    rows = [
        REED | {"phone_number": ""},
        {"external_id": "P-3", "last_name": "Roe", "phone_number": "+34 612 345 679"},
        twin,
        twin | {"external_id": "P-4", "last_name": "REED"},
    ]
    report = imported("patients", *rows)
    assert [(each.line, each.kind, [note.of for note in each.notes]) for each in report.listed] == [
        (2, "refused", [known.pk]),
        (3, "refused", [phone.pk]),
        (4, "new", []),
        (5, "refused", [None]),
    ]
    assert "May be there already: REED lucia, born 17 May 1990" in refusals(report)[0]
    assert "Line 4 of the file may be the same person" in refusals(report)[2]
    assert report.doubted == 3
    assert Patient.objects.count() == 2
    assert imported("patients", *rows, adds_doubted=True).counts == {"new": 4}
    assert imported("patients", *rows).counts == {"unchanged": 4}


def test_numbers_are_read_as_the_sites_write_them_and_rows_without_a_key_are_refused() -> None:
    LocationFactory(country="ES")
    here = REED | {"date_of_birth": "17/5/1990", "phone_number": "612 345 678"}
    imported("patients", here)
    assert imported("patients", REED).counts == {"unchanged": 1}
    assert refusals(imported("patients", {"external_id": " ", "last_name": "Roe"})) == [
        "Every row needs one: the next import finds the row by it."
    ]


@pytest.mark.both_databases
def test_a_row_that_another_import_inserts_at_the_same_moment_is_found_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    imported("patients", REED)
    load, calls = PatientResource.load, iter("12")

    def load_later(resource: PatientResource, rows: list[dict[str, str]]) -> None:
        if next(calls, None) is None:  # not in the check, nor before the first attempt to write
            load(resource, rows)

    monkeypatch.setattr(PatientResource, "load", load_later)
    ticked = {"adds_doubted": True}
    assert imported("patients", REED | {"first_name": "Luz"}, **ticked).counts == {"changed": 1}
    assert [patient.name for patient in Patient.objects.all()] == ["Luz Reed"]


def test_an_import_ends_at_a_row_that_was_right_when_it_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = PatientFactory()
    found = iter([{}, {1: known}])  # by the check, and then by the import
    monkeypatch.setattr(PatientQuerySet, "maybe_same_as", lambda self, patients: next(found))
    report = imported("patients", REED, {"external_id": "P-2", "last_name": "Roe"})
    assert (report.stopped, [each.line for each in report.listed]) == (True, [3])
    assert Patient.objects.get() == known
    assert AuditEvent.objects.count() == 0


def test_a_merged_record_keeps_the_external_id_by_which_the_import_finds_it() -> None:
    imported("patients", REED)
    [gone] = Patient.objects.all()
    kept = PatientFactory(first_name="Lucía", last_name="Reed", user=None)
    kept.merge(gone)
    assert kept.external_id == "P-1"
    assert imported("patients", REED).counts == {"unchanged": 1}


# --- Doctors --------------------------------------------------------------------------------------


def test_doctors_get_specialties_and_languages_that_are_there() -> None:
    for name in ("Cardiology", "Ear, nose and throat"):
        SpecialtyFactory(name=name)
    LanguageFactory(tag="es", name="Spanish")
    known = DoctorFactory(license_number="28/2", external_id="", is_active=False)
    row = DOCTOR | {"specialties": "ear, NOSE and throat | cardiology", "languages": "es"}
    linked = {"external_id": "D-2", "license_number": "28/2", "last_name": known.last_name}
    report = imported("doctors", row, linked)
    assert report.counts == {"new": 1, "changed": 1}
    doctor = Doctor.objects.get(external_id="D-1")
    assert [each.name for each in doctor.specialties.all()] == [
        "Cardiology",
        "Ear, nose and throat",
    ]
    assert [each.tag for each in doctor.languages.all()] == ["es"]
    known.refresh_from_db()
    assert (known.external_id, known.is_active) == ("D-2", False)
    assert [event[:2] for event in events()] == [("change", "import.doctors")]
    with counted_statements() as sent:
        assert imported("doctors", row, linked).counts == {"unchanged": 2}
    assert {sql.split()[0] for sql in sent} == {"SELECT"}
    assert told(imported("doctors", row | {"specialties": "Cardiology"}))[0][2] == [
        ("specialties", "Cardiology, Ear, nose and throat → Cardiology")
    ]
    assert [each.name for each in doctor.specialties.all()] == ["Cardiology"]


def test_a_doctor_with_an_unknown_specialty_or_the_license_of_another_is_refused() -> None:
    SpecialtyFactory(name="Cardiology")
    DoctorFactory(
        license_number="28/1", external_id="D-9", title="", first_name="", last_name="Roe"
    )
    report = imported(
        "doctors",
        DOCTOR,
        DOCTOR | {"external_id": "D-3", "license_number": "28/3", "specialties": "Magic"},
        {"external_id": "D-4", "license_number": "28/4", "last_name": "Lee", "is_active": "maybe"},
        {"external_id": "D-5", "license_number": "28/5", "last_name": "Lee"},
        {"external_id": "D-6", "license_number": "28/5", "last_name": "Roy"},
    )
    assert refusals(report) == [
        "Roe has this license number, external id D-9.",
        "There is no specialty “Magic”. Add it first. There is: Cardiology.",
        "Write yes or no.",
        "Line 5 of the file has the same.",
    ]
    assert Doctor.objects.count() == 1


# --- Weekly hours ---------------------------------------------------------------------------------


@pytest.mark.both_databases
@time_machine.travel(datetime(2026, 12, 2, 10, tzinfo=UTC), tick=False)
def test_hours_make_sessions_and_a_second_import_changes_nothing() -> None:
    # On a Wednesday: other hours act from tomorrow, so on a Monday its session would be in the way.
    DoctorFactory(external_id="D-1")
    LocationFactory(name="Central clinic")
    report = KINDS["hours"].reader(csv_of(HOURS)).check()
    assert (report.counts, WeeklyHours.objects.count()) == ({"new": 1}, 0)
    assert imported("hours", HOURS).is_written
    [hours] = WeeklyHours.objects.all()
    assert (hours.start_time, hours.end_time, hours.capacity) == (time(9), time(12), 1)
    first = Schedule.objects.order_by("date")[0]
    assert (first.date.weekday(), first.slots.count()) == (0, 3)
    before = Schedule.objects.count()
    assert imported("hours", HOURS).counts == {"unchanged": 1}
    shorter, after = HOURS | {"end": "11:00"}, HOURS | {"external_id": "H-2", "start": "11:00"}
    report = imported("hours", after, shorter)  # the shorter hours make room for the others
    assert told(report) == [(2, "new", []), (3, "changed", [("end", "12:00 → 11:00")])]
    assert Schedule.objects.count() > before
    assert [event[:2] for event in events()] == [("change", "import.hours")] * 2


def test_hours_that_overlap_or_strand_a_visit_are_refused_and_nothing_is_written() -> None:
    doctor = DoctorFactory(external_id="D-1", license_number="28/1")
    site = LocationFactory(name="Central clinic")
    imported("hours", HOURS)
    slot = Schedule.objects.order_by("-date")[0].slots.order_by("-starts_at")[0]
    AppointmentFactory(slot=slot)
    report = imported(
        "hours",
        HOURS | {"end": "11:00"},
        HOURS | {"external_id": "H-2", "doctor": "28/1", "start": "14:00", "end": "16:00"},
        HOURS | {"external_id": "H-3", "start": "15:00", "end": "17:00"},
        HOURS | {"external_id": "H-4", "weekday": "1", "end": "25:00", "location": "x"},
        HOURS | {"external_id": "H-5", "doctor": "", "slot_minutes": "5000"},
    )
    texts = refusals(report)
    assert texts[0].endswith("Visits in the way: 1.")
    assert texts[1].endswith(f"In the way: Monday 14:00-16:00, {doctor}, {site}.")
    assert texts[2:] == [
        "There is no site “x”.",
        "Write the weekday as a word: Monday.",
        "Write the time as 09:00.",
        "This column cannot be empty.",
    ]
    assert report.counts == {"refused": 4, "new": 1}
    assert WeeklyHours.objects.count() == 1


def test_staff_of_a_site_import_hours_of_their_site_alone() -> None:
    member = SiteStaffFactory(location=LocationFactory(name="Central clinic"))
    LocationFactory(name="North")
    DoctorFactory(external_id="D-1")
    north = HOURS | {"external_id": "H-2", "location": "North"}
    assert refusals(imported("hours", north, user=member.user)) == ["There is no site “North”."]
    imported("hours", north)
    beside = HOURS | {"external_id": "H-3"}
    own = WeeklyHours.objects.get().doctor
    ScheduleFactory(doctor=own, location=member.location, start_time=time(18), end_time=time(19))
    [refused] = refusals(imported("hours", beside, user=member.user))
    assert refused.endswith("In the way: hours at another site.")
    DoctorFactory(external_id="D-2")
    taken = HOURS | {"external_id": "H-2", "doctor": "D-2"}
    assert refusals(imported("hours", taken, user=member.user)) == [
        "Hours at another site have this external id."
    ]
    assert not KINDS["patients"].may(member.user)


# --- Commands -------------------------------------------------------------------------------------


def test_a_command_reads_a_file_or_standard_input_and_exits_1_if_a_row_is_refused(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out = tmp_path / "patients.csv", io.StringIO()
    file.write_bytes(csv_of(REED, {"external_id": "P-2", "last_name": ""}))
    with pytest.raises(CommandError, match=r"1 row is refused\. Nothing is written\."):
        call_command("import_patients", str(file), stdout=out)
    assert "Line 3, last_name: refused. This field cannot be blank." in out.getvalue()
    with pytest.raises(CommandError, match=r"The good rows are written\."):
        call_command("import_patients", str(file), "--good-rows-only", stdout=out)
    assert Patient.objects.count() == 1
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_hours", str(tmp_path / "none.csv"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(csv_of(DOCTOR))))
    call_command("import_doctors", "-", "--dry-run", stdout=out)
    assert "Doctors: 1 new, 0 changed, 0 unchanged, 0 refused." in out.getvalue()
    assert Doctor.objects.count() == 0
