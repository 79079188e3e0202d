"""The answers to requests with an Idempotency-Key, kept for a day."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from accounts.models import User
from appointment.exceptions import IdempotencyKeyReused
from extensions.rest.idempotency import Answer
from patient.models import Patient

KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True)
class PatientAnswer(Answer):
    """A stored response, with the primary key of the patient whom it shows, if any."""

    patient: int | None = None


class IdempotencyKeyQuerySet(models.QuerySet["IdempotencyKey"]):
    """Idempotency keys; `answer` handles a request at most once for each."""

    def answer(
        self, user: User, key: str, fingerprint: str, work: Callable[[], PatientAnswer]
    ) -> PatientAnswer:
        """Call `work` and store its response with the key; for a used key, return the stored one.

        Both in one transaction: a second request with the key waits at the unique constraint until
        the first commits, and then gets the same response. If `work` raises or the process dies,
        the key stays unused and the second request calls `work`. Raises IdempotencyKeyReused for
        another fingerprint. Locks the key before `work` locks anything.
        """
        return cast(PatientAnswer, self.answer_unless_none(user, key, fingerprint, work))

    def answer_unless_none(
        self, user: User, key: str, fingerprint: str, work: Callable[[], Answer | None]
    ) -> Answer | None:
        """Do as `answer`; if `work` returns None, commit what it did and leave the key unused."""
        at = timezone.now()
        # Outside the transaction: an erasure, which locks the user first, may want this row. `work`
        # locks the user, and the two would deadlock.
        self.filter(user=user, key=key).expired(at).delete()
        with transaction.atomic():
            defaults = {"fingerprint": fingerprint, "created_at": at}
            row, is_new = self.get_or_create(user=user, key=key, defaults=defaults)
            if not is_new:
                return row.replay(fingerprint)
            answer = work()
            if answer is None:
                self.filter(pk=row.pk).delete()
                return None
            columns = {"status": answer.status, "body": answer.body, "location": answer.location}
            patient = getattr(answer, "patient", None)
            self.filter(pk=row.pk).update(patient=patient, **columns)
            return answer

    def expired(self, at: datetime) -> "IdempotencyKeyQuerySet":
        """Keys that were first used 24 hours or more before the instant."""
        return self.filter(created_at__lte=at - KEPT_FOR)


class IdempotencyKey(models.Model):
    """A key that a user has used, the fingerprint of the request, and its answer.

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
    location = models.TextField(blank=True)  # a URL with the client's Host header, of any length
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

    def replay(self, fingerprint: str) -> PatientAnswer:
        """Return the stored response; raises IdempotencyKeyReused for a different request."""
        if self.fingerprint != fingerprint or self.status is None:
            raise IdempotencyKeyReused
        return PatientAnswer(self.status, self.body, self.location, True, self.patient_id)


def save_form_once(user: User, key: str, save: Callable[[], Answer | None]) -> Answer | None:
    """Call `save`, of a form of the admin, at most once for this user and key (ADMIN_FORM_STORE).

    Returns what it returned, or a replay of that; None if it saved nothing.
    """
    return IdempotencyKey.objects.answer_unless_none(user, key, "", save)
