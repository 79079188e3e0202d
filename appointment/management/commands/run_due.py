"""Do what has fallen due. Run it every minute; it may run as often, and in as many places, as one
likes.
"""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts.outages import again_on_conflict
from appointment.models import due

WORK = (
    ("offers expired", due.expire_offers),
    ("entries expired", due.expire_entries),
    ("free places offered", due.offer_free_places),
    ("idempotency keys forgotten", due.forget_keys),
)


class Command(BaseCommand):
    """Say what was done."""

    help = (
        "Expire offers to those who wait and pass the places on, close the entries whose days are "
        "over, offer free places to those who wait, forget idempotency keys older than a day. "
        "Idempotent, and safe in several processes at once; no answer of the API depends on it."
    )
    requires_system_checks = ()  # they load the URL table, of which nothing is needed here

    def handle(self, *args: Any, **options: Any) -> None:
        """Do all of it, each piece in a transaction of its own."""
        done = [f"{again_on_conflict(work)(timezone.now())} {what}" for what, work in WORK]
        self.stdout.write(f"{', '.join(done)}.")
