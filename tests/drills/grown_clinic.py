"""A clinic with years of visits, written by PostgreSQL itself: a million visits in a minute.

What the pages show of a day, a month, a doctor or a patient is the same in a clinic of any age:
only the years before it differ. So a page that reads more in the older clinic reads what it need
not.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.db import connection, transaction

from accounts.models import User
from doctor.models import Doctor, Language, Location, Specialty, WeeklyHours

TIMES = 20  # of a doctor's day, half an hour each
DAYS_AHEAD = 60
SITES, SPECIALTIES, LANGUAGES = 20, 12, 8
BUSY = 6  # of ten times, before today
VISITS_OF_A_PATIENT = 10
EVENTS_OF_A_VISIT = 5  # of the audit trail
LAST_NAMES = "garcia reed navarro schafer lefevre obrien kowalski rossi haddad okafor silva novak"
FIRST_NAMES = "maria lucia conor elena pedro sofia ivan jorge nina samir paula viktor"


@dataclass(frozen=True)
class Size:
    """How large the clinic is; `days` before today follow from the visits a day."""

    visits: int
    doctors: int = 400

    @property
    def days(self) -> int:
        """The days with visits before today."""
        return max(1, round(self.visits / (self.doctors * TIMES * BUSY / 10)))

    @property
    def patients(self) -> int:
        """About one for ten visits. It has no factor in common with the steps between visits."""
        number = max(self.visits // VISITS_OF_A_PATIENT, 30 * self.doctors)
        while number % 2 == 0 or number % 5 == 0 or number % 48271 == 0:
            number += 1
        return number


SESSIONS = """
INSERT INTO doctor_schedule (id, date, start_time, end_time, slot_minutes, capacity, is_active,
                             doctor_id, location_id, is_exception)
SELECT day * {doctors} + doctor, DATE '{first}' + day, '08:00', '18:00', 30, 1, true,
       doctor + 1, (doctor + CASE WHEN day % 5 = 0 THEN 1 ELSE 0 END) % {sites} + 1, false
FROM generate_series(0, {all_days} - 1) AS day, generate_series(0, {doctors} - 1) AS doctor
ORDER BY 1
"""
SLOTS = """
INSERT INTO doctor_slot (id, schedule_id, doctor_id, location_id, starts_at, ends_at, capacity,
                         taken, is_open, kept_over, extra_places, utc_offset)
SELECT s.id * {times} + n, s.id, s.doctor_id, s.location_id,
       s.date + TIME '08:00' + n * INTERVAL '30 minutes',
       s.date + TIME '08:30' + n * INTERVAL '30 minutes', 1,
       CASE WHEN (s.id * 7 + n * 3) % 10 < {busy} AND (s.id + n) % 11 > 0 THEN 1 ELSE 0 END,
       true, false, 0, 0
FROM doctor_schedule s, generate_series(0, {times} - 1) AS n
ORDER BY 1
"""
VISITS = """
INSERT INTO appointment_appointment (id, patient_id, slot_id, doctor_id, location_id, starts_at,
    ends_at, date, status, reason, created_at, canceled_at, cancel_reason, checked_in_at,
    needs_rebooking, moved, closures_kept)
SELECT t.id, t.id * 48271 % {patients} + 1, t.id, t.doctor_id, t.location_id, t.starts_at,
    t.ends_at, s.date,
    CASE WHEN t.taken = 0 THEN 'canceled' WHEN s.date >= DATE '{today}' THEN 'scheduled'
         WHEN t.id % 17 = 0 THEN 'no_show' ELSE 'completed' END,
    'a check', t.starts_at - INTERVAL '9 days',
    CASE WHEN t.taken = 0 THEN t.starts_at - INTERVAL '1 day' END, '',
    CASE WHEN t.taken = 1 AND s.date < DATE '{today}' AND t.id % 17 > 0 THEN t.starts_at END,
    false, false, 0
FROM doctor_slot t JOIN doctor_schedule s ON s.id = t.schedule_id
WHERE (s.id * 7 + (t.id % {times}) * 3) % 10 < {busy}
ORDER BY 1
"""
EVENTS = """
INSERT INTO appointment_appointmentevent (appointment_id, kind, at, from_status, to_status, detail,
    by, override_reason)
SELECT v.id, e.kind, v.created_at + e.later, e.before, e.after, '', 'patient', ''
FROM appointment_appointment v, LATERAL (
    SELECT 'booked' AS kind, INTERVAL '0' AS later, '' AS before, 'scheduled' AS after
    UNION ALL SELECT v.status, INTERVAL '9 days', 'scheduled', v.status
    WHERE v.status <> 'scheduled') AS e
ORDER BY v.id, e.later
"""
PATIENTS = """
INSERT INTO patient_patient (id, first_name, last_name, first_name_key, last_name_key,
    date_of_birth, sex, phone_number, address, preferred_language, emergency_contact_name,
    emergency_contact_phone, is_dependent, user_id)
SELECT n, initcap(first), initcap(last) || ' ' || n % 9973, first, last || ' ' || n % 9973,
    DATE '1930-01-01' + n % 33000, '', '+346' || lpad((n * 7919 % 100000000)::text, 8, '0'), '',
    '', '', '', false, CASE WHEN n <= 50 THEN {first_user} + n END
FROM (SELECT n, (string_to_array('{first_names}', ' '))[n % 12 + 1] AS first,
             (string_to_array('{last_names}', ' '))[n / 12 % 12 + 1] AS last
      FROM generate_series(1, {patients}) AS n) AS people
"""
WORDS = """
INSERT INTO patient_patientword (patient_id, text)
SELECT p.id, w.word || ' ' || p.line
FROM (SELECT id, last_name_key || ' ' || first_name_key || E' \\n' || date_of_birth
             || E' \\t34' || substr(phone_number, 4) || E' \\t' || substr(phone_number, 4)
             || ' ' || chr(11) || reverse('34' || substr(phone_number, 4)) AS line
      FROM patient_patient) AS p,
     LATERAL unnest(string_to_array(p.line, ' ')) AS w(word)
"""
AUDIT = """
INSERT INTO accounts_auditevent (at, role, channel, action, outcome, kind, object_id, patient_id,
    address, request_id, emergency, actor_id, actor_name)
SELECT v.created_at + n * INTERVAL '1 day', 'staff', 'api', 'read', 'allowed',
    'appointment.appointment', v.id, v.patient_id, '10.0.0.1', '', false, {first_user}, 'Ada'
FROM appointment_appointment v, generate_series(0, {events} - 1) AS n
"""
HISTORY = """
INSERT INTO patient_medicalhistory (patient_id, kind, description, status, notes, created_at,
    updated_at)
SELECT n, 'allergy', 'peanuts', 'active', '', now(), now()
FROM generate_series(1, {patients}) AS n, generate_series(1, 3) AS each
"""
WAITS = """
INSERT INTO appointment_waitlistentry (patient_id, doctor_id, first_date, last_date, weekday_bits,
    status, created_at)
SELECT n, n % {doctors} + 1, d.first, d.first + 30, 0,
    CASE WHEN d.first < DATE '{today}' - 30 THEN 'accepted' ELSE 'waiting' END, d.first
FROM (SELECT n, DATE '{today}' - (n % {days}) AS first
      FROM generate_series(1, {patients} / 20 + 200) AS n) AS d
"""
AWAY = """
UPDATE appointment_appointment SET needs_rebooking = true
WHERE doctor_id = 2 AND date BETWEEN DATE '{today}' + 1 AND DATE '{today}' + 10
  AND status = 'scheduled'
"""
SEQUENCES = (
    "doctor_schedule", "doctor_slot", "appointment_appointment", "patient_patient",
)  # fmt: skip


def fill(size: Size, at: datetime) -> dict[str, Any]:
    """Insert the clinic; return the keys and users that the pages name. PostgreSQL only.

    The connection's user is a superuser: foreign keys are not checked meanwhile.
    """
    today = at.astimezone(UTC).date()
    first_user = _people()
    _directory(size, today)
    words = {
        "doctors": size.doctors, "days": size.days, "all_days": size.days + DAYS_AHEAD,
        "first": today - timedelta(days=size.days), "today": today, "patients": size.patients,
        "sites": SITES, "times": TIMES, "busy": BUSY, "events": EVENTS_OF_A_VISIT,
        "first_names": FIRST_NAMES, "last_names": LAST_NAMES, "first_user": first_user,
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for sql in (PATIENTS, WORDS, SESSIONS, SLOTS, VISITS, EVENTS, AUDIT, HISTORY, WAITS, AWAY):
            cursor.execute(sql.format(**words))
        for table in SEQUENCES:
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
            )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return words


def _people() -> int:
    """Add the administrator and the accounts of the first patients; return the first key."""
    root = User.objects.create_superuser("root@example.com", "a long enough sentence")
    User.objects.bulk_create(User(email=f"p{n}@example.com", last_name="P") for n in range(1, 51))
    return root.pk


def _directory(size: Size, today: date) -> None:
    """Add the doctors with their hours, the sites, the specialties and the languages."""
    Location.objects.bulk_create(
        Location(pk=n, name=f"Site {n:02}", time_zone="UTC", country="ES")
        for n in range(1, SITES + 1)
    )
    Specialty.objects.bulk_create(
        Specialty(pk=n, name=f"Specialty {n}") for n in range(1, SPECIALTIES + 1)
    )
    Language.objects.bulk_create(
        Language(pk=n, tag=f"e{chr(96 + n)}", name=f"Language {n}") for n in range(1, LANGUAGES + 1)
    )
    firsts, lasts = FIRST_NAMES.split(), LAST_NAMES.split()
    doctors = Doctor.objects.bulk_create(
        Doctor(
            pk=n, title="Dr.", first_name=firsts[n % 12].title(),
            last_name=f"{lasts[n // 12 % 12].title()} {n}", license_number=f"L{n}",
        )
        for n in range(1, size.doctors + 1)
    )  # fmt: skip
    for name, number in (("specialties", SPECIALTIES), ("languages", LANGUAGES)):
        through: Any = getattr(Doctor, name).through
        key = {"specialties": "specialty_id", "languages": "language_id"}[name]
        through.objects.bulk_create(
            through(doctor_id=doctor.pk, **{key: doctor.pk % number + 1}) for doctor in doctors
        )
    WeeklyHours.objects.bulk_create(
        WeeklyHours(
            doctor=doctor, location_id=(doctor.pk - 1) % SITES + 1, weekday=weekday,
            start_time=time(8), end_time=time(18), slot_minutes=30, valid_from=today,
        )
        for doctor in doctors for weekday in range(5)
    )  # fmt: skip
    own = User.objects.create_user("doctor@example.com", "a long enough sentence")
    own.groups.add(Group.objects.get(name="Doctor"))
    Doctor.objects.filter(pk=1).update(user=own)
