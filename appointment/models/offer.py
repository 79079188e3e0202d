"""A place held for somebody who waits, for a limited time."""

from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from appointment.models.waitlist import WaitlistEntry
from doctor.models import Slot


class OfferStatus(models.TextChoices):
    """What became of an offer; an open one holds its place."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class OfferQuerySet(models.QuerySet["Offer"]):
    """Offers are made, withdrawn and settled under the lock of their slots."""

    def offer(self, slots: "list[Slot]", at: datetime) -> None:
        """Offer the free places of these locked slots to those who wait."""

    def withdraw(self, slots: "set[int]", at: datetime) -> None:
        """Withdraw the open offers on these locked slots."""

    def settle(self, slot: Slot, at: datetime) -> None:
        """End the holds on this locked slot that have lapsed."""


class Offer(models.Model):
    """A place of a slot, held for one entry; it counts in `Slot.taken` while it is open."""

    entry = models.ForeignKey(WaitlistEntry, on_delete=models.CASCADE, related_name="offers")
    slot = models.ForeignKey(Slot, on_delete=models.CASCADE, related_name="offers")
    status = models.CharField(max_length=9, choices=OfferStatus, default=OfferStatus.OPEN)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(help_text="Until then it can be accepted.")
    hold_until = models.DateTimeField(help_text="From then on its place is anybody's.")

    objects = OfferQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        indexes = (
            models.Index(
                fields=["expires_at"],
                condition=Q(status="open"),
                name="appointment_open_offers",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["entry"],
                condition=Q(status="open"),
                name="appointment_offer_one_open_per_entry",
                violation_error_code="open_offer",
                violation_error_message="The entry has an open offer already.",
            ),
            models.CheckConstraint(
                condition=Q(hold_until__gte=F("expires_at")),
                name="appointment_offer_held_until_it_expires",
                violation_error_code="offer_times",
                violation_error_message="A place is held at least until its offer expires.",
            ),
            models.CheckConstraint(
                condition=Q(status__in=OfferStatus.values),
                name="appointment_offer_status_known",
                violation_error_code="status",
                violation_error_message="The status is none of those there are.",
            ),
        )

    def __str__(self) -> str:
        return f"Offer {self.pk}, {self.get_status_display().lower()}"
