"""Fill an empty clinic with invented people, so that there is something to see and to book."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from appointment.demo import days, people, scenes, visits


class Command(BaseCommand):
    """Add what the demo lacks today; quick and silent when it lacks nothing."""

    help = "Add demo data relative to today. Repeating it changes nothing; never in production."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Each step is one transaction: a run that is killed is completed by the next."""
        if settings.ENVIRONMENT == "production":
            raise CommandError("Demo data is never made with ENVIRONMENT=production.")
        if people.are_missing():
            self.stdout.write("Demo data: accounts, 12 doctors and 60 patients")
            people.make()
        if days.keep_hours(timezone.now()):
            self.stdout.write("Demo data: weekly hours of two doctors")
        self.make_days()
        with transaction.atomic():
            visits.close_old(timezone.now())
        self.make_scenes()

    def make_days(self) -> None:
        """Extend calendars and visits to the days that have none, one transaction a day."""
        at = timezone.now()
        lacking = days.missing(at)
        if not lacking:
            return
        first, last = lacking[0], lacking[-1]
        self.stdout.write(f"Demo data: sessions and visits from {first} to {last}")
        roster = visits.Roster.load()
        for date in lacking:
            with transaction.atomic():
                visits.Day(date, roster, at).fill(days.publish(date))

    def make_scenes(self) -> None:
        """Somebody on leave with visits to re-book, and a line with an open offer."""
        at = timezone.now()
        with transaction.atomic():
            if scenes.go_on_leave(at):
                self.stdout.write("Demo data: a doctor on leave next week")
        with transaction.atomic():
            if scenes.wait_in_line(at):
                self.stdout.write("Demo data: a waitlist with an open offer")
        with transaction.atomic():
            if scenes.look_into_a_record(at):
                self.stdout.write("Demo data: a look into a record, and one in an emergency")
