"""The audit trail: a row for each read and change of a patient's record, never changed again."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.audit.context import ADMIN, API, COMMAND, RequestContext, current_context
from accounts.fields import name_that_day
from extensions.db.inserts import KeyOf, insert_together
from extensions.db.triggers import purging

ROWS_PER_PURGE = 1000  # deleted in one transaction


RARE_ACTIONS = ("delete", "erase", "export", "merge")  # of which there is an index


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    """Adds events. The database refuses to change one, and deletes one by `purge` only."""

    def record(
        self,
        action: str,
        of: models.Model | type[models.Model],
        patients: Iterable[Any] = (None,),
        **known: Any,
    ) -> None:
        """Record in the current transaction what the caller does with these patients' data.

        Adds one event for each patient, in one statement. The arguments are those of `unsaved`.
        """
        events: list[Any] = self.unsaved(action, of, patients, **known)
        if len(events) == 1:
            insert_together(events)  # bulk_create would open a transaction: two statements more
        else:
            self.bulk_create(events)

    def unsaved(
        self,
        action: str,
        of: models.Model | type[models.Model],
        patients: Iterable[Any] = (None,),
        **known: Any,
    ) -> "list[AuditEvent]":
        """Return the events that `record` would add, for a verb that inserts them with other rows.

        `of`: the row, or the model of a list. A row without a key is inserted with the events.
        `patients`: patients, None for one who is unknown or erased, or keys if `role` is given.
        `known`: columns of the events. `actor` replaces the caller. `role` sets the actor's role;
        `otherwise` is their role towards a patient who is not their own (see `AuditEvent.role_of`).
        """
        kind = of._meta.concrete_model._meta.label_lower  # type: ignore[union-attr]
        row = None if isinstance(of, type) else of.pk or KeyOf(of)
        context = current_context()
        return [
            AuditEvent.build(context, patient, action, **{"kind": kind, "object_id": row, **known})
            for patient in patients
        ]

    def access_log_of(self, patients: Any) -> "AuditEventQuerySet":
        """Return the events that patients may see of their own records.

        Leaves out denied calls, which staff review, and the patients' reads of the access log.
        """
        own_reads = {"kind": self.model._meta.label_lower, "role": "patient"}
        return self.filter(patient_id__in=patients, outcome="allowed").exclude(**own_reads)

    def purge(self, before: datetime) -> Iterator[int]:
        """Delete the events older than `before`; yield the number deleted by each transaction.

        An event records the purge before anything is deleted, so that one that is broken off is
        recorded too. A transaction deletes at most ROWS_PER_PURGE events and takes no lock that an
        INSERT waits for: patients are served meanwhile. Raises IntegrityError on PostgreSQL if the
        database user does not own the table.

        Several purges may run at once. One that has waited for the rows of another finds them
        deleted; it goes on with the next ones, until none is left.
        """
        self.record("delete", AuditEvent, **AuditEvent.by_system())
        old = self.filter(at__lt=before).order_by("at", "pk").values_list("pk", flat=True)
        tried: list[int] = []
        while True:
            with purging(AuditEvent, before):
                keys = list(old[:ROWS_PER_PURGE])
                deleted, _ = self.filter(pk__in=keys).delete()
            if deleted:
                yield deleted
            elif not keys or keys == tried:  # a second try deletes none that stood the first
                return
            tried = keys


class AuditEvent(models.Model):
    """A user read or changed data of a patient, or was denied. Holds keys and none of the data.

    The keys stay when the account or the patient is deleted, so no column has a foreign key
    constraint. The name of a member of staff or doctor stays as it was on the day of the event.
    """

    class Role(models.TextChoices):
        """The actor's role towards the patient; `patient` includes the carer of a dependent."""

        PATIENT = "patient", _("Patient")
        DOCTOR = "doctor", _("Doctor")
        STAFF = "staff", _("Staff")
        SYSTEM = "system", _("System")
        STRANGER = "stranger", _("Stranger")

    NAMED = (Role.DOCTOR, Role.STAFF)  # the access log tells the patient the names of these actors

    class Channel(models.TextChoices):
        """The channel of the call."""

        API = API, _("API")
        ADMIN = ADMIN, _("Admin")
        COMMAND = COMMAND, _("Command")

    class Action(models.TextChoices):
        """What the actor did or tried to do."""

        READ = "read", _("Read")
        CREATE = "create", _("Create")
        CHANGE = "change", _("Change")
        DELETE = "delete", _("Delete")
        ERASE = "erase", _("Erase")
        EXPORT = "export", _("Export")
        MERGE = "merge", _("Merge")

    class Outcome(models.TextChoices):
        """Whether the call was allowed."""

        ALLOWED = "allowed", _("Allowed")
        DENIED = "denied", _("Denied")

    at = models.DateTimeField(pgettext_lazy("instant", "at"), default=timezone.now)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("actor"),
    )
    actor_name = name_that_day()
    role = models.CharField(_("role"), max_length=8, choices=Role)
    channel = models.CharField(_("channel"), max_length=7, choices=Channel)
    action = models.CharField(_("action"), max_length=6, choices=Action)
    outcome = models.CharField(_("outcome"), max_length=7, choices=Outcome, default=Outcome.ALLOWED)
    kind = models.CharField(
        _("kind"), max_length=60, help_text=_("The model, as patient.medicalhistory.")
    )
    object_id = models.BigIntegerField(_("object id"), null=True, help_text=_("Empty for a list."))
    patient_id = models.BigIntegerField(
        _("patient id"), null=True, help_text=_("Kept when the person is erased.")
    )
    address = models.CharField(_("address"), max_length=45, blank=True)
    request_id = models.CharField(_("request id"), max_length=32, blank=True)
    emergency = models.BooleanField(_("emergency"), default=False)
    emergency_id = models.BigIntegerField(
        _("emergency id"), null=True, help_text=_("Key of the emergency access.")
    )

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        ordering = ("-at", "-pk")
        indexes = (
            models.Index(fields=["patient_id", "-at", "-id"], name="accounts_audit_of_patient"),
            models.Index(fields=["-at", "-id"], name="accounts_audit_at"),
            models.Index(fields=["actor", "-at", "-id"], name="accounts_audit_of_actor"),
            models.Index(
                fields=["-at", "-id"], condition=Q(outcome="denied"), name="accounts_audit_denied"
            ),
            models.Index(
                fields=["action", "-at", "-id"],
                condition=Q(action__in=RARE_ACTIONS),
                name="accounts_audit_rare_action",
            ),
            models.Index(
                fields=["-at", "-id"], condition=Q(emergency=True), name="accounts_audit_emergency"
            ),
        )

    def __str__(self) -> str:
        return gettext("Event %(number)s") % {"number": self.pk}

    @property
    def public_name(self) -> str | None:
        """The name that the access log shows: of staff and doctors, as on the day of the event.

        None for other roles, and without a name. An event from before names were kept has the
        present name, if the account still exists.
        """
        if self.role not in self.NAMED:
            return None
        present = self.actor and self.actor.full_name
        return (present if self.actor_name is None else self.actor_name) or None

    @classmethod
    def build(
        cls, context: RequestContext, patient: Any, action: str, **known: Any
    ) -> "AuditEvent":
        """Return an unsaved event; `known` as in `AuditEventQuerySet.record`."""
        actor: Any = known.pop("actor", context.user)
        otherwise = known.pop("otherwise", None)
        role = known.pop("role", None) or cls.role_of(actor, patient, context, otherwise)
        # A patient who works here reads their own record as a patient, whose name is not kept.
        works_here = role in cls.NAMED or (actor and actor.is_staff and role != cls.Role.PATIENT)
        return cls(
            actor=actor,
            actor_name=actor.full_name if works_here and actor else None,
            role=role,
            channel=context.channel,
            action=action,
            patient_id=getattr(patient, "pk", patient),
            address=context.address[:45],
            request_id=context.request_id,
            **known,
        )

    @classmethod
    def by_system(cls) -> dict[str, Any]:
        """Return the arguments `actor` and `role` of `record` for a change that no user made."""
        return {"actor": None, "role": cls.Role.SYSTEM}

    @classmethod
    def role_of(
        cls,
        actor: Any,
        patient: Any,
        context: RequestContext,
        otherwise: str | None = None,
    ) -> str:
        """Return the role of the actor towards the patient, without a query.

        Without an actor it is `system` for a command, else `stranger`. In the admin it is
        `otherwise` if given, else `staff`, whoever the patient is. Elsewhere it is `patient` for a
        patient of the actor's own account. For another patient it is `otherwise` if given, else
        `staff` or `doctor`: no other role reaches that patient's data. Without a patient, `patient`
        replaces `doctor`: the actor has looked for their own data.
        """
        if actor is None:
            return cls.Role.SYSTEM if context.channel == COMMAND else cls.Role.STRANGER
        if context.channel == ADMIN:
            return otherwise or cls.Role.STAFF
        if patient is not None and patient.user_id == actor.pk:
            return cls.Role.PATIENT
        others = cls.Role.PATIENT if patient is None else cls.Role.DOCTOR
        return otherwise or (cls.Role.STAFF if actor.is_staff else others)
