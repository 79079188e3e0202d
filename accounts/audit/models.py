"""What was read and changed of patients' records, by whom: a row each, never changed or deleted."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.audit.context import ADMIN, API, COMMAND, RequestContext, current_context
from accounts.models.user import User


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    """The one way to add events; there is none to change them."""

    def record(
        self,
        action: str,
        of: models.Model | type[models.Model],
        patients: Iterable[Any] = (None,),
        **known: Any,
    ) -> None:
        """Write down in the transaction under way what the caller does with these patients' data.

        `of` is a row, or a model where the caller is shown a list. One event for each patient, who
        may be a key where `role` is given, in one statement for all of them; None stands for a
        patient who is not known or erased. `actor` is the caller unless it is given, and
        `otherwise` their role unless the patient is theirs.
        """
        kind = of._meta.concrete_model._meta.label_lower  # type: ignore[union-attr]
        row = None if isinstance(of, type) else of.pk
        who = current_context()
        events: list[Any] = [
            AuditEvent.by(who, patient, action, **{"kind": kind, "object_id": row, **known})
            for patient in patients
        ]
        if len(events) == 1:
            events[0].save(force_insert=True)  # a transaction of its own would cost two statements
        else:
            self.bulk_create(events)

    def access_log_of(self, patients: Any) -> "AuditEventQuerySet":
        """What is told to those who care for these patients: who read or changed their records.

        Refusals are for staff, who judge them; looks at the list itself would fill it.
        """
        look = {"kind": self.model._meta.label_lower, "role": "patient"}
        return self.filter(patient_id__in=patients, outcome="allowed").exclude(**look)


class AuditEvent(models.Model):
    """Somebody read or changed data of a patient, or was refused: keys, and none of the data.

    The keys stay when the account or the patient is gone; hence no constraint binds them.
    """

    class Role(models.TextChoices):
        """As whom somebody acts on the patient: `patient` is also who cares for them."""

        PATIENT = "patient"
        DOCTOR = "doctor"
        STAFF = "staff"
        SYSTEM = "system"
        STRANGER = "stranger"

    NAMED = (Role.DOCTOR, Role.STAFF)  # to the patient: whoever acts in the clinic's name

    class Channel(models.TextChoices):
        """The way in."""

        API = API, "API"
        ADMIN = ADMIN
        COMMAND = COMMAND

    class Action(models.TextChoices):
        """What was done, or asked for."""

        READ = "read"
        CREATE = "create"
        CHANGE = "change"
        DELETE = "delete"
        ERASE = "erase"
        EXPORT = "export"

    class Outcome(models.TextChoices):
        """Whether it was let happen."""

        ALLOWED = "allowed"
        DENIED = "denied"

    at = models.DateTimeField(default=timezone.now)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        related_name="+",
    )
    role = models.CharField(max_length=8, choices=Role)
    channel = models.CharField(max_length=7, choices=Channel)
    action = models.CharField(max_length=6, choices=Action)
    outcome = models.CharField(max_length=7, choices=Outcome, default=Outcome.ALLOWED)
    kind = models.CharField(max_length=60, help_text="The model, as patient.medicalhistory.")
    object_id = models.BigIntegerField(null=True, help_text="Empty for a list.")
    patient_id = models.BigIntegerField(null=True, help_text="Kept when the person is erased.")
    address = models.CharField(max_length=45, blank=True)
    request_id = models.CharField(max_length=32, blank=True)
    emergency = models.BooleanField(default=False)
    emergency_id = models.BigIntegerField(null=True, help_text="Key of the emergency access.")

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        ordering = ("-at", "-pk")
        indexes = (
            models.Index(fields=["patient_id", "-at", "-id"], name="accounts_audit_of_patient"),
            models.Index(fields=["-at", "-id"], name="accounts_audit_at"),
            models.Index(
                fields=["-at", "-id"], condition=Q(emergency=True), name="accounts_audit_emergency"
            ),
        )

    def __str__(self) -> str:
        return f"Event {self.pk}"

    @classmethod
    def by(cls, who: RequestContext, patient: Any, action: str, **known: Any) -> "AuditEvent":
        """What this caller does to the patient, not yet written; `actor`, `role` may be known."""
        actor: User | None = known.pop("actor", who.user)
        otherwise = known.pop("otherwise", None)
        role = known.pop("role", None) or cls.role_of(actor, patient, who, otherwise)
        return cls(
            actor=actor,
            role=role,
            channel=who.channel,
            action=action,
            patient_id=getattr(patient, "pk", patient),
            address=who.address[:45],
            request_id=who.request_id,
            **known,
        )

    @classmethod
    def by_system(cls) -> dict[str, Any]:
        """What is known of a change that follows from another, or from the time: nobody made it."""
        return {"actor": None, "role": cls.Role.SYSTEM}

    @classmethod
    def role_of(
        cls, actor: User | None, patient: Any, who: RequestContext, otherwise: str | None = None
    ) -> str:
        """As whom somebody acts, as far as it can be told without looking anything up.

        On what is not their own they act `otherwise`; where that is not said, as staff or else as a
        doctor, since nobody but these and the patient gets at a patient's data. Who is shown nobody
        has looked for what is their own.
        """
        if actor is None:
            return cls.Role.SYSTEM if who.channel == COMMAND else cls.Role.STRANGER
        if patient is not None and patient.user_id == actor.pk:
            return cls.Role.PATIENT
        others = cls.Role.PATIENT if patient is None else cls.Role.DOCTOR
        return otherwise or (cls.Role.STAFF if actor.is_staff else others)
