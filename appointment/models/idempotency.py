"""The answers of requests that bear an Idempotency-Key, kept for a day."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from patient.models import Patient

KEPT_FOR = timedelta(hours=24)


class IdempotencyKey(models.Model):
    """A key that a user has used, what for, and what was answered.

    After the IETF draft draft-ietf-httpapi-idempotency-key-header.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    created_at = models.DateTimeField(default=timezone.now)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True)
    location = models.CharField(max_length=500, blank=True)
    patient = models.ForeignKey(
        Patient,
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        help_text="Of whom the answer tells: erased with the person.",
    )

    class Meta:
        indexes = (models.Index(fields=["created_at"], name="appointment_idempotency_age"),)
        constraints = (
            models.UniqueConstraint(
                fields=["user", "key"],
                name="appointment_idempotency_one_per_user_and_key",
                violation_error_code="idempotency_key_reused",
                violation_error_message="The key has been used already.",
            ),
        )

    def __str__(self) -> str:
        return f"Idempotency key {self.pk}"
