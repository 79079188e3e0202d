"""Add demo data: invented people, sessions and visits around today."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from appointment.demo import examples, messages, people, sessions, today, visits


class Command(BaseCommand):
    """Add the demo data that is missing today; print nothing if none is."""

    help = "Add demo data around today. Repeating it changes nothing. Refused in production."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Run each step in its own transaction, so that the next run completes a killed one."""
        if settings.ENVIRONMENT == "production":
            raise CommandError("Demo data is never made with ENVIRONMENT=production.")
        before = messages.newest()
        if not people.exist():
            self.stdout.write("Demo data: accounts, 12 doctors and 60 patients")
            people.create()
        if sessions.publish_weekly_hours(timezone.now()):
            self.stdout.write("Demo data: weekly hours of two doctors")
        self.add_days()
        with transaction.atomic():
            visits.conclude_past(timezone.now())
        with transaction.atomic():
            if today.open_desks(timezone.now()):
                self.stdout.write("Demo data: a day at the desk of each clinic")
        self.add_examples()
        messages.forget(before, timezone.now())

    def add_days(self) -> None:
        """Add sessions and visits on the dates that have none, one transaction a date."""
        at = timezone.now()
        dates = sessions.missing_dates(at)
        if not dates:
            return
        first, last = dates[0], dates[-1]
        self.stdout.write(f"Demo data: sessions and visits from {first} to {last}")
        participants = visits.Participants.load()
        for date in dates:
            with transaction.atomic():
                day = visits.DayOfVisits(date, participants, at)
                day.book(sessions.publish_sessions(date))

    def add_examples(self) -> None:
        """Add leave, a waitlist with an open offer, and accesses to a medical history."""
        at = timezone.now()
        with transaction.atomic():
            if examples.add_leave(at):
                self.stdout.write("Demo data: a doctor on leave next week")
        with transaction.atomic():
            if examples.add_waitlist(at):
                self.stdout.write("Demo data: a waitlist with an open offer")
        with transaction.atomic():
            if examples.add_record_reads(at):
                self.stdout.write("Demo data: a read of a medical history, and an emergency access")
