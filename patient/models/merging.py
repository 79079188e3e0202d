"""Merge two records of one person, and the pointer that the record merged away leaves behind.

The module does not import `Patient`: it changes the objects that it is given.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import AuditEvent, User
from extensions.db.locks import lock_rows
from extensions.db.retry import StaleLock, retry_on_stale_lock
from extensions.text import fold
from patient.exceptions import (
    AlreadyMerged,
    OneIsDeceased,
    OwnRecord,
    SameRecord,
    TwoAccounts,
)
from patient.signals import patients_merging

CONTACT = ("emergency_contact_name", "emergency_contact_phone")  # filled together or not at all
FILLED = ("date_of_birth", "sex", "phone_number", "address", "preferred_language", *CONTACT)
COMPARED = ("first_name", "last_name", *FILLED)
IDENTIFYING = ("first_name", "last_name", "date_of_birth")
Action = AuditEvent.Action


class MergedPatientQuerySet(models.QuerySet["MergedPatient"]):
    """Pointers from records merged away, and reads of the audit trail that follow them."""

    def kept_key(self, pk: Any) -> int | None:
        """Return the key of the kept patient for a record merged away; None for any other."""
        return self.filter(old_key=pk).values_list("patient", flat=True).first()

    def keys_of(self, pk: int) -> list[int]:
        """Return the keys under which audit events name this person, also from an old key."""
        kept = self.kept_key(pk) or pk
        return [kept, *self.filter(patient=kept).values_list("old_key", flat=True)]

    def access_log_of(self, patients: models.QuerySet[Any]) -> Any:
        """Return the access log of these patients, with `whose`: the key of the kept patient.

        It has the events of the records merged into them, which keep the old keys.
        """
        old = self.filter(patient__in=patients.order_by().values("pk"))
        keys = patients.order_by().values("pk").union(old.order_by().values("old_key"))
        kept = self.filter(old_key=OuterRef("patient_id")).values("patient")
        whose = Coalesce(Subquery(kept), "patient_id", output_field=models.BigIntegerField())
        return AuditEvent.objects.access_log_of(keys).annotate(whose=whose)


class MergedPatient(models.Model):
    """The key of a record that was merged away, and the kept patient.

    It holds no personal data. It leads from the old page of the admin, and from audit events, which
    are never rewritten, to the kept patient, and an erasure of that person deletes it. The column
    has no constraint in the database, since the previous release erases patients without knowing
    this table.
    """

    old_key = models.BigIntegerField(primary_key=True)
    patient = models.ForeignKey(
        "patient.Patient",
        on_delete=models.CASCADE,
        related_name="merged_records",
        db_constraint=False,
    )
    merged_at = models.DateTimeField(default=timezone.now)

    objects = MergedPatientQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        default_permissions = ()  # no page shows these rows

    def __str__(self) -> str:
        return f"Record {self.pk}, merged"


def refuse_merge(kept: Any, gone: Any, by: User | None) -> None:
    """Raise the first reason of the records themselves against merging `gone` into `kept`.

    `appointment.models.merging` checks their visits.
    """
    if kept.pk == gone.pk:
        raise SameRecord
    accounts = {each.user_id for each in (kept, gone)} - {None}
    if len(accounts) > 1:
        raise TwoAccounts
    if by and by.is_staff and not by.is_superuser and by.pk in accounts:
        raise OwnRecord  # the merge would open the other record to the member of staff
    if (kept.marked_deceased_at is None) != (gone.marked_deceased_at is None):
        raise OneIsDeceased


def filled_from(kept: Any, gone: Any) -> dict[str, Any]:
    """Return the columns that are empty in `kept`, with their values in `gone`.

    Where both have a value, that of `kept` stands. The first name is taken only beside the same
    last name, and the emergency contact only as a whole.
    """
    names = [name for name in FILLED if name not in CONTACT]
    if kept.last_name_key == gone.last_name_key:
        names.append("first_name")
    if not any(getattr(kept, name) for name in CONTACT):
        names += CONTACT
    return {
        name: getattr(gone, name)
        for name in names
        if not getattr(kept, name) and getattr(gone, name)
    }


def same_value(one: Any, other: Any, name: str) -> bool:
    """Whether both have the same value; texts are compared without case, accents, punctuation."""
    values = (getattr(one, name), getattr(other, name))
    first, second = (fold(each) if isinstance(each, str) else each for each in values)
    return bool(first == second)


def differing_identity(kept: Any, gone: Any) -> list[str]:
    """Return the names and the birth date in which the records of one person should not differ."""
    filled = [name for name in IDENTIFYING if getattr(kept, name) and getattr(gone, name)]
    return [name for name in filled if not same_value(kept, gone, name)]


@dataclass
class PatientMerge:
    """Merges the record `other` into `patient`; `run` is the transaction of `Patient.merge`."""

    patient: Any
    other: Any
    by: User | None
    at: datetime

    @retry_on_stale_lock
    @transaction.atomic
    def run(self) -> None:
        """Merge the records; raises as `Patient.merge`."""
        kept, gone = self._lock()
        refuse_merge(kept, gone, self.by)
        self._move_account(kept, gone)
        self._move_external_id(kept, gone)
        sent = {"patient": kept, "other": gone, "by": self.by, "at": self.at}
        patients_merging.send(sender=type(kept), **sent)
        for rows in (gone.history, gone.emergency_accesses, gone.merged_records):
            rows.update(patient=kept)
        for each in (kept, gone):
            each.claim_codes.all().delete()
        if filled := filled_from(kept, gone):
            kept.revise(**filled)
        MergedPatient.objects.create(old_key=gone.pk, patient=kept, merged_at=self.at)
        for each in (kept, gone):
            AuditEvent.objects.record(Action.MERGE, each, [each])
        gone.name_in_log("merged")
        gone.delete()
        self.patient.refresh_from_db()  # before the commit: an erasure may follow at once

    def _lock(self) -> tuple[Any, Any]:
        """Lock the accounts of both, then both records, by key; return the records as stored.

        Raises AlreadyMerged or DoesNotExist for a record that is gone, and StaleLock if a record
        has got an account in between.
        """
        patients, keys = type(self.patient)._base_manager, {self.patient.pk, self.other.pk}
        if len(keys) == 1:
            raise SameRecord
        both = patients.filter(pk__in=keys)
        users = {user.pk for user in lock_rows(User.objects.filter(pk__in=both.values("user")))}
        found = {each.pk: each for each in lock_rows(both)}
        if missing := keys - found.keys():
            if MergedPatient.objects.filter(pk__in=missing).exists():
                raise AlreadyMerged
            raise type(self.patient).DoesNotExist
        if not {each.user_id for each in found.values() if each.user_id} <= users:
            raise StaleLock
        return found[self.patient.pk], found[self.other.pk]

    def _move_account(self, kept: Any, gone: Any) -> None:
        """Give the account of either to `kept`: as its own profile if it was that of one of them.

        The record that goes loses it first, since an account has one profile of its own.
        """
        linked = [each for each in (kept, gone) if each.user_id]
        if gone not in linked:
            return
        kept.is_dependent = all(each.is_dependent for each in linked)
        kept.user_id = gone.user_id
        rows = type(kept)._base_manager
        rows.filter(pk=gone.pk).update(user=None, is_dependent=False)
        rows.filter(pk=kept.pk).update(user=kept.user_id, is_dependent=kept.is_dependent)

    def _move_external_id(self, kept: Any, gone: Any) -> None:
        """Give the external id of `gone` to `kept` if that has none, so that imports find it.

        The record that goes loses it first, since no two rows have one external id.
        """
        if gone.external_id and not kept.external_id:
            rows = type(kept)._base_manager
            rows.filter(pk=gone.pk).update(external_id="")
            rows.filter(pk=kept.pk).update(external_id=gone.external_id)
            kept.external_id = gone.external_id
