"""Claim codes: a person enters one to link a record made at the desk to the person's account."""

import re
import secrets
import unicodedata
from datetime import date, datetime, timedelta

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEvent, User
from extensions.db.locks import lock_rows
from patient.exceptions import NoClaimCode, ProfileDiffers
from patient.models.merging import COMPARED, same_value
from patient.models.patient import Patient

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # 31 characters; without 0, O, 1, I and L
LENGTH = 8
GROUP = 4
VALID_FOR = timedelta(days=7)
SEPARATORS = re.compile(r"[\W_]+")
HAS_ACCOUNT = _("The record belongs to an account already.")
NO_BIRTH_DATE = _("Enter the date of birth first: the person gives it together with the code.")
IS_DECEASED = _("The person is marked deceased.")
MAY_NOT_CLAIM = _("Verify your e-mail address first. A staff account cannot claim a record.")


def digest_of(code: str, key: str | bytes | None = None) -> str:
    """Return the keyed digest under which a code is stored; `key`: by default the SECRET_KEY.

    Without the key the digests of a stolen database cannot be tried out.
    """
    return salted_hmac("patient.claims", code, secret=key, algorithm="sha256").hexdigest()


def normalized(typed: str) -> str:
    """Return the code as it was given, from what a person typed: any case, spaces and hyphens."""
    return SEPARATORS.sub("", unicodedata.normalize("NFKC", typed)).upper()


def grouped(code: str) -> str:
    """Return the code in groups for reading it out: `7KQ2-M9XD`."""
    return "-".join(code[at : at + GROUP] for at in range(0, len(code), GROUP))


class ClaimCodeQuerySet(models.QuerySet["ClaimCode"]):
    """Codes; `issue` gives one, `claim` uses it up. A code that is void has no row."""

    def issue(self, patient: Patient, by: User | None, at: datetime | None = None) -> str:
        """Return a new code for the patient, in groups; an earlier code is void.

        It cannot be shown again: only a digest is stored. Raises NoClaimCode for a patient who has
        an account, no date of birth or is deceased. Locks the patient.
        """
        at = at or timezone.now()
        code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        with transaction.atomic():
            patient = Patient.objects.lock(patient.pk)
            for refused, reason in (
                (patient.user_id, HAS_ACCOUNT),
                (patient.is_deceased, IS_DECEASED),
                (patient.date_of_birth is None, NO_BIRTH_DATE),
            ):
                if refused:
                    raise NoClaimCode(reason)
            self.filter(patient=patient).delete()
            row = self.create(
                patient=patient,
                digest=digest_of(code),
                issued_by=by,
                issued_at=at,
                expires_at=at + VALID_FOR,
            )
            AuditEvent.objects.record(AuditEvent.Action.CREATE, row, [patient])
        return grouped(code)

    def claim(
        self, user: User, code: str, date_of_birth: date, at: datetime | None = None
    ) -> Patient:
        """Return the record of the code, now the user's own profile; the code is used up.

        An own profile of the user that is empty or equal is merged into the record. Raises
        DoesNotExist for a code that is wrong, used, void or expired, for another date of birth, and
        for the account that issued it; ProfileDiffers if the user's profile is another person's;
        PermissionDenied for staff and for an address that is not verified; else as `Patient.merge`.
        Locks the user, both patients, then what the merge locks.
        """
        at = at or timezone.now()
        with transaction.atomic():
            found = self.matching(code, at).get()
            account, record, own = self._lock(user, found)
            if account.is_staff or not account.has_verified_email or not account.is_active:
                raise PermissionDenied(MAY_NOT_CLAIM)
            if record.date_of_birth != date_of_birth or found.issued_by_id == account.pk:
                raise self.model.DoesNotExist
            if not self.filter(pk=found.pk).delete()[0]:
                raise self.model.DoesNotExist
            if own is not None and not _may_merge(own, record, account):
                raise ProfileDiffers
            if own is not None:
                record.merge(own, by=account, at=at)
            else:
                Patient.objects.filter(pk=record.pk).update(user=account)
                record.user = account
            AuditEvent.objects.record(AuditEvent.Action.CHANGE, record, [record])
        return record

    def valid_for(self, patient: Patient, at: datetime) -> "ClaimCode | None":
        """Return the code that is valid for the patient at the instant, if any."""
        return self.filter(patient=patient, expires_at__gt=at).first()

    def matching(self, code: str, at: datetime) -> "ClaimCodeQuerySet":
        """Return the row of the code, or none; a SECRET_KEY of before a rotation also finds it."""
        typed = normalized(code)
        keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        return self.filter(digest__in=[digest_of(typed, key) for key in keys], expires_at__gt=at)

    def _lock(self, user: User, found: "ClaimCode") -> tuple[User, Patient, Patient | None]:
        """Lock the user, then the record and the user's own profile; return all three.

        Raises DoesNotExist if the record has been erased, merged or linked since it was read.
        """
        account = next(iter(lock_rows(User.objects.filter(pk=user.pk))), None)
        own = Patient.objects.own_of(user).values_list("pk", flat=True)
        locked = lock_rows(Patient.objects.filter(pk__in=[found.patient_id, *own]))
        people = {each.pk: each for each in locked}
        record = people.pop(found.patient_id, None)
        if account is None or record is None or record.user_id is not None:
            raise self.model.DoesNotExist
        return account, record, next(iter(people.values()), None)


class ClaimCode(models.Model):
    """The code that is valid for a patient; it has at most one. A used or void code is deleted.

    The key of the patient has no constraint in the database, since the previous release erases
    patients without knowing this table.
    """

    patient = models.ForeignKey(
        Patient, on_delete=models.CASCADE, related_name="claim_codes", db_constraint=False
    )
    digest = models.CharField(max_length=64, editable=False)
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,  # the row keeps the key of a deleted account
        null=True,
        db_constraint=False,
        related_name="+",
    )
    issued_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    objects = ClaimCodeQuerySet.as_manager()

    class Meta:
        verbose_name = _("claim code")
        verbose_name_plural = _("claim codes")
        ordering = ("pk",)
        default_permissions = ()  # the permission to give one belongs to the patient
        constraints = (
            models.UniqueConstraint(
                fields=["digest"],
                name="patient_claimcode_one_per_digest",
                violation_error_code="unique",
                violation_error_message=_("There is such a code already."),
            ),
        )

    def __str__(self) -> str:
        return f"Code {self.pk}"


def _may_merge(own: Patient, record: Patient, account: User) -> bool:
    """Whether the account's own profile is empty or equal to the record.

    Empty: it has only the names of the account, as the first booking made it. Equal: each of its
    fields is empty, or the same in the record, or empty there. Texts are compared as the search
    folds them: without case, accents and punctuation.
    """
    if own.is_deceased:
        return False
    filled = {name for name in COMPARED if getattr(own, name)}
    names = {"first_name", "last_name"}
    if filled <= names and all(same_value(own, account, name) for name in names):
        return True
    return all(not getattr(record, name) or same_value(own, record, name) for name in filled)
