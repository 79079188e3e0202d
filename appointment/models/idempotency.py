"""The answers to requests with an Idempotency-Key, kept for a day."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.db import models, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointment.exceptions import IdempotencyKeyReused
from extensions.db.compiled import compiled_update
from extensions.db.inserts import insert_unless_present
from extensions.db.retry import StaleLock, retry_on_stale_lock
from extensions.db.transactions import one_transaction
from extensions.rest.idempotency import Answer
from patient.models import Patient

KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True)
class PatientAnswer(Answer):
    """A stored response, with the primary key of the patient whom it shows, if any."""

    patient: int | None = None


class _KeyExpired(Exception):
    """The key was first used so long ago that it can be used again."""


class IdempotencyKeyQuerySet(models.QuerySet["IdempotencyKey"]):
    """Idempotency keys; `answer` handles a request at most once for each."""

    @retry_on_stale_lock
    def answer(
        self, user: User, key: str, fingerprint: str, work: Callable[[], PatientAnswer]
    ) -> PatientAnswer:
        """Call `work` and store its response with the key; for a used key, return the stored one.

        Both in one transaction: a second request with the key waits at the unique constraint until
        the first commits, and then gets the same response. If `work` raises or the process dies,
        the key stays unused and the second request calls `work`. Raises IdempotencyKeyReused for
        another fingerprint. Locks the key before `work` locks anything. `work` lets each error
        through, since the verbs in it set no savepoint.
        """
        answer = self._answer_once(one_transaction, user, key, fingerprint, work)
        return cast(PatientAnswer, answer)

    def answer_unless_none(
        self, user: User, key: str, fingerprint: str, work: Callable[[], Answer | None]
    ) -> Answer | None:
        """Do as `answer`; if `work` returns None, commit what it did and leave the key unused.

        `work` may handle the errors of verbs: each verb in it has a savepoint.
        """
        return self._answer_once(transaction.atomic, user, key, fingerprint, work)

    def _answer_once(
        self,
        begin: Callable[[], Any],
        user: User,
        key: str,
        fingerprint: str,
        work: Callable[[], Answer | None],
    ) -> Answer | None:
        """Store the response of `work` with the key, in the transaction that `begin` opens."""
        at = timezone.now()
        try:
            with begin():
                return self._answer(user, key, fingerprint, work, at)
        except _KeyExpired:
            # Outside the transaction: an erasure, which locks the user first, may want this row.
            # `work` locks the user, and the two would deadlock.
            self.filter(user=user, key=key).expired(at).delete()
        with begin():
            return self._answer(user, key, fingerprint, work, at)

    def _answer(
        self,
        user: User,
        key: str,
        fingerprint: str,
        work: Callable[[], Answer | None],
        at: datetime,
    ) -> Answer | None:
        row = self.model(user=user, key=key, fingerprint=fingerprint, created_at=at)
        if not insert_unless_present(row):
            return self._present(user, key, at).replay(fingerprint)
        answer = work()
        if answer is None:
            self.filter(pk=row.pk).delete()
            return None
        patient = getattr(answer, "patient", None)
        _store_answer(row.pk, answer.status, answer.body, answer.location, patient)
        return answer

    def _present(self, user: User, key: str, at: datetime) -> "IdempotencyKey":
        """Return the row of a used key; raises _KeyExpired if it can be used again."""
        row = self.filter(user=user, key=key).first()
        if row is None:  # deleted since the INSERT found it: with the patient, or as expired
            raise StaleLock
        if row.created_at <= at - KEPT_FOR:
            raise _KeyExpired
        return row

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
    fingerprint = models.CharField(max_length=64, help_text=_("SHA-256 of method, path and body."))
    created_at = models.DateTimeField(default=timezone.now)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True)
    location = models.TextField(blank=True)  # a URL with the client's Host header, of any length
    patient = models.ForeignKey(
        Patient,
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        help_text=_("Of whom the answer tells: erased with the person."),
    )

    objects = IdempotencyKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        indexes = (models.Index(fields=["created_at"], name="appointment_idempotency_age"),)
        constraints = (
            models.UniqueConstraint(
                fields=["user", "key"],
                name="appointment_idempotency_one_per_user_and_key",
                violation_error_code="idempotency_key_reused",
                violation_error_message=_("The key has been used already."),
            ),
        )

    def __str__(self) -> str:
        return f"Idempotency key {self.pk}"

    def replay(self, fingerprint: str) -> PatientAnswer:
        """Return the stored response; raises IdempotencyKeyReused for a different request."""
        if self.fingerprint != fingerprint or self.status is None:
            raise IdempotencyKeyReused
        return PatientAnswer(self.status, self.body, self.location, True, self.patient_id)


@compiled_update
def _store_answer(
    key: int, status: int, body: str, location: str, patient: int | None
) -> tuple[QuerySet[IdempotencyKey], dict[str, Any]]:
    columns = {"status": status, "body": body, "location": location, "patient": patient}
    return IdempotencyKey.objects.filter(pk=key), columns


def save_form_once(user: User, key: str, save: Callable[[], Answer | None]) -> Answer | None:
    """Call `save`, of a form of the admin, at most once for this user and key (ADMIN_FORM_STORE).

    Returns what it returned, or a replay of that; None if it saved nothing.
    """
    return IdempotencyKey.objects.answer_unless_none(user, key, "", save)
