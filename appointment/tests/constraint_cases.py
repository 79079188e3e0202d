"""For each constraint of the database, a row and a change of the row that violates it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Model
from django.utils import timezone

from accounts.models import KnownDevice, MailKind, NotificationChoice, OutgoingMessage
from accounts.tests.factories import UserFactory
from appointment.models import (
    Appointment,
    CalendarFeed,
    DayTotals,
    DeclinedSlot,
    IdempotencyKey,
    Offer,
    Proposal,
    StaleDay,
    WaitlistEntry,
)
from appointment.tests.factories import AppointmentFactory
from appointment.tests.webhooks import make_webhook
from doctor.models import Slot, TimeOff, WeeklyHours
from doctor.tests.factories import (
    DoctorFactory,
    LanguageFactory,
    LocationFactory,
    ScheduleFactory,
    SiteStaffFactory,
    SpecialtyFactory,
)
from patient.tests.factories import PatientFactory

Case = tuple[Model, dict[str, Any]]  # a stored row, and new values of its columns


def twin(factory: Any, field: str) -> Case:
    """Return the second of two new rows, and a change that copies the first row's `field` to it."""
    first, second = factory(), factory()
    return second, {field: getattr(first, field)}


def imported_twice(make: Any) -> Case:
    """Return the second of two new rows, and a change to the first row's external id."""
    make(external_id="7")
    return make(), {"external_id": "7"}


def a_slot() -> Slot:
    slot: Slot = ScheduleFactory().slots.earliest("starts_at")
    return slot


def second_slot_moved(minutes: int) -> Case:
    """Return the second slot of a session, and a new start for it, `minutes` after the first."""
    first, second, *_ = ScheduleFactory().slots.order_by("starts_at")
    return second, {"starts_at": first.starts_at + timedelta(minutes=minutes)}


def booked_by_a_second(start: time) -> Case:
    """Return a visit at `start`, and a change to a patient with another visit at 09:00 that day."""
    slot = ScheduleFactory(capacity=2).slots.earliest("starts_at")
    first = AppointmentFactory(slot=slot)
    if start != time(9):
        slot = ScheduleFactory(start_time=start).slots.earliest("starts_at")
    return AppointmentFactory(slot=slot), {"patient": first.patient}


def second_code() -> Case:
    """Return the second of two claim codes, and a change that copies the first one's digest."""
    first, second = (
        PatientFactory().claim_codes.create(digest=digest, expires_at=datetime.now(UTC))
        for digest in ("one", "two")
    )
    return second, {"digest": first.digest}


def canceled() -> Appointment:
    visit: Appointment = AppointmentFactory()
    return visit.cancel()


def weekly_hours(**fields: Any) -> WeeklyHours:
    """Insert weekly hours on Monday mornings, without the sessions that `publish` would add."""
    times = {"start_time": time(9), "end_time": time(12), "valid_from": date(2026, 1, 5)}
    ends = {"doctor": DoctorFactory(), "location": LocationFactory(), "weekday": 0}
    return WeeklyHours.objects.create(**{**ends, **times, **fields})


def time_off() -> TimeOff:
    """Insert a day of leave, without `publish`, which would close slots."""
    day = {
        "starts_at": datetime(2026, 1, 5, tzinfo=UTC),
        "ends_at": datetime(2026, 1, 6, tzinfo=UTC),
    }
    return TimeOff.objects.create(doctor=DoctorFactory(), **day)


def entry(**fields: Any) -> WaitlistEntry:
    """Insert a waitlist entry for a doctor, without the checks of `join`."""
    days = {"first_date": date(2026, 1, 5), "last_date": date(2026, 1, 6)}
    whom = {"patient": PatientFactory(), "doctor": DoctorFactory()}
    return WaitlistEntry.objects.create(**{**whom, **days, **fields})


def offer(**fields: Any) -> Offer:
    """Insert an open offer, without taking the place that it would hold."""
    at = datetime(2026, 1, 5, tzinfo=UTC)
    ends = {"entry": entry(), "slot": a_slot(), "expires_at": at, "hold_until": at}
    return Offer.objects.create(**{**ends, **fields})


def second_offer() -> Case:
    """Return an offer and a change that makes it the second open offer of another entry."""
    return offer(), {"entry": offer().entry}


def second_offer_of_slot() -> Case:
    """Return an account's offer, and a change that makes it the second open one of a slot."""
    return offer(account=7), {"slot": offer(account=7).slot}


def declined_again() -> Case:
    """Return a slot that a patient declined, and a change that makes it one declined before."""
    patient = PatientFactory()
    first, second = (DeclinedSlot.of(patient.pk, a_slot()) for _ in range(2))
    for row in (first, second):
        row.save()
    return second, {"doctor": first.doctor, "starts_at": first.starts_at}


def totals_of_a_day(day: date) -> DayTotals:
    """Return the totals of one doctor at one site on a day."""
    return DayTotals.objects.create(date=day, doctor_id=1, location_id=1)


def proposal(number: int = 0) -> Proposal:
    """Store a time proposed for the visit 1, or another for the visit 2 if the number is not 0."""
    row = {"visit": 2 if number else 1, "slot": 1, "number": number, "rank": 0}
    return Proposal.objects.create(**row, until=timezone.now())


def known_twice() -> Case:
    """Return a device that an account knows, and a change that gives it the name of another."""
    user, at = UserFactory(), datetime(2026, 1, 5, tzinfo=UTC)
    for name in ("a", "b"):
        device = KnownDevice.objects.create(user=user, name=name, last_seen_at=at)
    return device, {"name": "a"}


def chosen_twice() -> Case:
    """Return a choice of an account, and a change that makes it one of another kind it has."""
    user = UserFactory()
    NotificationChoice.objects.choose(user, {"booked": {"sms": True}, "moved": {"sms": True}})
    return NotificationChoice.objects.get(kind="moved"), {"kind": "booked"}


def feed() -> CalendarFeed:
    return CalendarFeed.objects.make(UserFactory(), "patient")


def second_waiting_mail() -> Case:
    """Return a mail that waits, and a change that gives it the kind and address of another."""
    first, second = (
        OutgoingMessage.objects.create(kind=MailKind.PASSWORD_RESET, address=address, waits=True)
        for address in ("a@example.com", "b@example.com")
    )
    return second, {"address": first.address}


def second_message_of_a_fact() -> Case:
    """Return a message about a visit, and a change that lets it tell of what another one tells."""
    first, second = (
        OutgoingMessage.objects.create(kind="booked", object_id=1, cause=cause) for cause in (1, 2)
    )
    return second, {"cause": first.cause}


def second_membership() -> Case:
    """Return a membership, and a change that makes it equal to another one of its user."""
    first = SiteStaffFactory()
    return SiteStaffFactory(user=first.user), {"location": first.location}


def second_key() -> Case:
    """Return a user's second idempotency key, and a change that makes it equal to the first."""
    user = UserFactory()
    IdempotencyKey.objects.create(user=user, key="a", fingerprint="x")
    return IdempotencyKey.objects.create(user=user, key="b", fingerprint="x"), {"key": "a"}


def second_session_of_hours() -> Case:
    """Return a session, and a change that gives it the weekly hours and the date of another."""
    first, second = ScheduleFactory(start_time=time(9)), ScheduleFactory(start_time=time(9))
    hours = weekly_hours()
    type(first)._base_manager.filter(pk=first.pk).update(weekly_hours=hours)
    return second, {"weekly_hours": hours, "date": first.date}


BREAKS: dict[str, Callable[[], Case]] = {
    "accounts_user_email_unique_ignoring_case": lambda: twin(UserFactory, "email"),
    "accounts_knowndevice_unique": known_twice,
    "accounts_notificationchoice_unique": chosen_twice,
    "accounts_outgoingmail_one_waits": second_waiting_mail,
    "accounts_outgoingmessage_one_a_fact": second_message_of_a_fact,
    "doctor_specialty_name_unique": lambda: twin(SpecialtyFactory, "name"),
    "doctor_language_tag_unique": lambda: twin(LanguageFactory, "tag"),
    "doctor_location_name_unique": lambda: twin(LocationFactory, "name"),
    "doctor_location_subdivision_of_country": lambda: (
        LocationFactory(country="ES"),
        {"subdivision": "US-NY"},
    ),
    "doctor_sitestaff_once_per_site": second_membership,
    "doctor_doctor_license_number_unique": lambda: twin(DoctorFactory, "license_number"),
    "doctor_doctor_external_id_unique": lambda: imported_twice(DoctorFactory),
    "patient_patient_external_id_unique": lambda: imported_twice(PatientFactory),
    "doctor_weeklyhours_external_id_unique": lambda: imported_twice(weekly_hours),
    "doctor_schedule_ends_after_it_starts": lambda: (ScheduleFactory(), {"end_time": time(9)}),
    "doctor_schedule_capacity_in_range": lambda: (ScheduleFactory(), {"capacity": 1001}),
    "doctor_schedule_slot_minutes_in_range": lambda: (ScheduleFactory(), {"slot_minutes": 4}),
    "doctor_slot_taken_within_capacity": lambda: (a_slot(), {"taken": 2}),
    "doctor_slot_extra_places_within_capacity": lambda: (a_slot(), {"extra_places": 2}),
    "doctor_slot_ends_after_it_starts": lambda: ((slot := a_slot()), {"ends_at": slot.starts_at}),
    "doctor_slot_one_per_doctor_and_start": lambda: second_slot_moved(minutes=0),
    "doctor_slot_no_overlap": lambda: second_slot_moved(minutes=29),
    "patient_claimcode_one_per_digest": second_code,
    "patient_patient_one_own_profile": lambda: twin(PatientFactory, "user"),
    "appointment_one_live_per_patient_and_slot": lambda: booked_by_a_second(time(9)),
    "appointment_no_overlap_of_one_patient": lambda: booked_by_a_second(time(9, 29)),
    "appointment_only_canceled_outlive_their_slot": lambda: (AppointmentFactory(), {"slot": None}),
    "appointment_canceled_at_if_canceled": lambda: (canceled(), {"canceled_at": None}),
    "appointment_ends_after_it_starts": lambda: (
        (visit := AppointmentFactory()),
        {"ends_at": visit.starts_at},
    ),
    "appointment_status_known": lambda: (AppointmentFactory(), {"status": "moved"}),
    "doctor_schedule_one_per_hours_and_date": second_session_of_hours,
    "doctor_weeklyhours_weekday_in_range": lambda: (weekly_hours(), {"weekday": 7}),
    "doctor_weeklyhours_end_after_they_start": lambda: (weekly_hours(), {"end_time": time(9)}),
    "doctor_weeklyhours_valid_from_before_until": lambda: (
        weekly_hours(),
        {"valid_until": date(2026, 1, 4)},
    ),
    "doctor_weeklyhours_capacity_in_range": lambda: (weekly_hours(), {"capacity": 1001}),
    "doctor_weeklyhours_slot_minutes_in_range": lambda: (weekly_hours(), {"slot_minutes": 4}),
    "doctor_weeklyhours_every_weeks_in_range": lambda: (weekly_hours(), {"every_weeks": 53}),
    "doctor_timeoff_of_doctor_or_location": lambda: (time_off(), {"location": LocationFactory()}),
    "doctor_timeoff_ends_after_it_starts": lambda: (
        (leave := time_off()),
        {"ends_at": leave.starts_at},
    ),
    "patient_patient_dependent_of_somebody": lambda: (
        PatientFactory(user=None),
        {"is_dependent": True},
    ),
    "appointment_waitlist_doctor_or_specialty": lambda: (entry(), {"doctor": None}),
    "appointment_waitlist_dates": lambda: (entry(), {"last_date": date(2026, 1, 4)}),
    "appointment_waitlist_times": lambda: (
        entry(),
        {"start_time": time(9), "end_time": time(9)},
    ),
    "appointment_waitlist_weekdays": lambda: (entry(), {"weekday_bits": 128}),
    "appointment_waitlist_status_known": lambda: (entry(), {"status": "lost"}),
    "appointment_offer_one_open_per_entry": second_offer,
    "appointment_offer_one_open_per_slot_and_account": second_offer_of_slot,
    "appointment_declined_once_per_patient_and_time": declined_again,
    "appointment_offer_held_until_it_expires": lambda: (
        (held := offer()),
        {"hold_until": held.expires_at - timedelta(seconds=1)},
    ),
    "appointment_offer_status_known": lambda: (offer(), {"status": "lost"}),
    "appointment_idempotency_one_per_user_and_key": second_key,
    "appointment_calendarfeed_digest_unique": lambda: twin(feed, "digest"),
    "appointment_calendarfeed_kind_known": lambda: (feed(), {"kind": "all"}),
    "appointment_proposal_once_per_visit_and_slot": lambda: (
        proposal(number=1),
        {"visit": proposal().visit},
    ),
    "appointment_daytotals_once_a_day": lambda: (
        (totals_of_a_day(date(2026, 11, 2)) and totals_of_a_day(date(2026, 11, 3))),
        {"date": date(2026, 11, 2)},
    ),
    "appointment_staleday_once_a_change": lambda: (
        StaleDay.objects.create(date=date(2026, 11, 2), change=1)
        and StaleDay.objects.create(date=date(2026, 11, 2), change=2),
        {"change": 1},
    ),
    "appointment_webhook_once_per_url": lambda: (
        make_webhook("https://two.example/"),
        {"url": make_webhook().url},
    ),
    "appointment_webhook_has_events": lambda: (make_webhook(), {"events": ""}),
    "appointment_proposal_once_per_place": lambda: (
        proposal(number=1),
        {"number": proposal().number},
    ),
}
