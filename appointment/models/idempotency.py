"""The answers of requests that bear an Idempotency-Key, kept for a day."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from accounts.models import User
from appointment.exceptions import IdempotencyKeyReused
from patient.models import Patient

KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True)
class Answer:
    """What was answered: the status, the body as it was rendered, where the result can be read.

    `patient` is the key of whom it tells, `is_replay` whether it was given before.
    """

    status: int
    body: str = ""
    location: str = ""
    patient: int | None = None
    is_replay: bool = False


class IdempotencyKeyQuerySet(models.QuerySet["IdempotencyKey"]):
    """The keys, and the one way to use them."""

    def answer(self, user: User, key: str, fingerprint: str, work: Callable[[], Answer]) -> Answer:
        """Do the work once for a user's key, in one transaction with it; else answer as before.

        Whoever comes while the first is still at it waits at the unique constraint, and then gets
        its answer, or does the work where it was refused: what raises leaves the key unused. So
        does a process that dies. Raises IdempotencyKeyReused for another request. Locks the key
        before whatever the work locks.
        """
        at = timezone.now()
        # By itself: whoever erases the person holds the user, and would wait for this row.
        self.filter(user=user, key=key).expired(at).delete()
        with transaction.atomic():
            mine = {"fingerprint": fingerprint, "created_at": at}
            row, is_new = self.get_or_create(user=user, key=key, defaults=mine)
            if not is_new:
                return row.replay(fingerprint)
            answer = work()
            told = {"status": answer.status, "body": answer.body, "location": answer.location}
            self.filter(pk=row.pk).update(patient=answer.patient, **told)
            return answer

    def expired(self, at: datetime) -> "IdempotencyKeyQuerySet":
        """Those whose day is over."""
        return self.filter(created_at__lte=at - KEPT_FOR)


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
    location = models.TextField(blank=True)  # as long as the client's Host
    patient = models.ForeignKey(
        Patient,
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        help_text="Of whom the answer tells: erased with the person.",
    )

    objects = IdempotencyKeyQuerySet.as_manager()

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

    def replay(self, fingerprint: str) -> Answer:
        """The answer once more; raises IdempotencyKeyReused for another request."""
        if self.fingerprint != fingerprint or self.status is None:
            raise IdempotencyKeyReused
        return Answer(self.status, self.body, self.location, self.patient_id, is_replay=True)
