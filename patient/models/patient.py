"""The people who are seen: the owners of accounts, their dependents, and those who have none."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from phonenumber_field.modelfields import PhoneNumberField

from accounts.models import AuditEvent, User
from extensions.db.constraints import violates
from extensions.db.fields import MAX_KEY, free_text, validate_language_tag
from extensions.db.locks import lock_rows
from extensions.db.models import PartialUpdateModel
from patient.exceptions import ProfileExists
from patient.models.dates import validate_past_date
from patient.signals import patient_erasing

MOST_DEPENDENTS = 20  # of one account: a large family, and no way to fill the table
TOO_MANY = f"An account books for at most {MOST_DEPENDENTS} dependents."
Action = AuditEvent.Action
OF_NOBODY = "A dependent needs an account that books for them."


class PatientQuerySet(models.QuerySet["Patient"]):
    """Scopes and locks of patients."""

    def cared_for_by(self, user: Any) -> "PatientQuerySet":
        """The patients whom the user may see and book for: the user's own profile and dependents.

        None without a user: having no account is not an account that patients share.
        """
        return self.filter(user=user) if user else self.none()

    def own_of(self, user: Any) -> "PatientQuerySet":
        """The user's own profile: one or none."""
        return self.cared_for_by(user).filter(is_dependent=False)

    def dependents_of(self, user: Any) -> "PatientQuerySet":
        """The user's dependents."""
        return self.cared_for_by(user).filter(is_dependent=True)

    def own_or_dependent(self, user: Any, pk: int | None = None) -> "Patient | None":
        """The user's dependent or profile with that key, else the user's own profile, if any.

        Raises DoesNotExist for a patient of another user, as for one who does not exist.
        """
        account = user if user.is_authenticated else None
        if pk is None:
            return self.own_of(account).first()
        possible = 0 <= pk <= MAX_KEY
        return self.cared_for_by(account).get(pk=pk) if possible else self.none().get()

    # --- Locks ---

    def lock(self, pk: int | None) -> "Patient":
        """Lock the patient's user, then the patient, until the transaction ends.

        Raises DoesNotExist.
        """
        if pk is None:
            raise self.model.DoesNotExist
        lock_rows(User.objects.filter(patients=pk))
        return _only(lock_rows(self.filter(pk=pk)))

    def lock_for(self, user: User, patient_id: int | None = None) -> "Patient":
        """Lock the user, then the dependent with that id or else the user's own profile.

        Makes a missing profile from the account's names. Raises DoesNotExist for a patient of
        another user, as for one who does not exist.
        """
        _lock_account(user.pk)
        if patient_id is not None:
            return _only(lock_rows(self.cared_for_by(user).filter(pk=patient_id)))
        for own in lock_rows(self.own_of(user)):
            return own
        own = self.create(user=user, first_name=user.first_name, last_name=user.last_name)
        AuditEvent.objects.record(Action.CREATE, own, [own])
        return own

    # --- Verb ---

    def erase_all(self, by: User | None = None, at: datetime | None = None) -> int:
        """Erase all of these persons in one transaction, as `Patient.erase`; returns how many.

        Locks their users, the patients, then what the receivers of `patient_erasing` lock.
        """
        keys = list(self.values_list("pk", "user"))
        with transaction.atomic():
            lock_rows(User.objects.filter(pk__in=[user for _, user in keys]))
            patients = lock_rows(Patient.objects.filter(pk__in=[pk for pk, _ in keys]))
            at = at or timezone.now()
            patient_erasing.send(sender=Patient, patients=patients, by=by, at=at)
            for patient in patients:
                patient.delete_personal_data()
        return len(patients)


class Patient(PartialUpdateModel):
    """Somebody who is seen, or comes to be; without a user they book at the reception."""

    class Sex(models.TextChoices):
        """FHIR's administrative gender."""

        FEMALE = "female"
        MALE = "male"
        OTHER = "other"
        UNKNOWN = "unknown"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="patients",
        help_text="The account they book with, or that books for them, if any.",
    )
    is_dependent = models.BooleanField(
        "dependent",
        default=False,
        help_text="Somebody the account books for, not its owner.",
    )
    first_name = models.CharField(max_length=150)
    last_name = models.CharField(max_length=150)
    date_of_birth = models.DateField(null=True, blank=True, validators=[validate_past_date])
    sex = models.CharField(max_length=7, choices=Sex, blank=True)
    phone_number = PhoneNumberField(blank=True, help_text="With country code, as +34 612 345 678.")
    address = free_text(blank=True)
    preferred_language = models.CharField(
        max_length=35,
        blank=True,
        validators=[validate_language_tag],
        help_text="BCP 47, such as es or pt-BR.",
    )
    emergency_contact_name = models.CharField(max_length=300, blank=True)
    emergency_contact_phone = PhoneNumberField(blank=True)

    objects = PatientQuerySet.as_manager()

    class Meta:
        ordering = ("last_name", "first_name", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(is_dependent=False),
                name="patient_patient_one_own_profile",
                violation_error_code="profile_exists",
                violation_error_message="This user has a profile already.",
            ),
            models.CheckConstraint(
                condition=models.Q(is_dependent=False) | models.Q(user__isnull=False),
                name="patient_patient_dependent_of_somebody",
                violation_error_code="dependent_of_nobody",
                violation_error_message=OF_NOBODY,
            ),
        )

    def __str__(self) -> str:
        """The name, and what tells two people of one name apart at the reception."""
        return f"{self.name}, born {self.date_of_birth}" if self.date_of_birth else self.name

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}".strip()

    def enroll(self) -> None:
        """Save somebody new. Locks the user, so that their first booking makes no second profile.

        Raises ProfileExists where the user has an own one, ValidationError for one dependent too
        many or a dependent of nobody.
        """
        with self._belonging(self.user_id):
            self.save(force_insert=True)
            AuditEvent.objects.record(Action.CREATE, self, [self])

    def revise(self, **changes: Any) -> None:
        """Write these columns; raises what `enroll` does for an account that cannot have them.

        An account to be linked is locked with the present one: its first booking makes a profile.
        """
        linked = changes.get("user", self.user)
        moves = changes.keys() & {"user", "is_dependent"}
        with self._belonging(linked and linked.pk) if moves else transaction.atomic():
            super().revise(**changes)
            AuditEvent.objects.record(Action.CHANGE, self, [self])

    @contextmanager
    def _belonging(self, account: int | None) -> Iterator[None]:
        """A transaction in which the patient comes to belong to the account, or to none."""
        try:
            with transaction.atomic():
                # A form has written on this object already: only the row knows the present account.
                present = Patient.objects.filter(pk=self.pk).values_list("user", flat=True).first()
                for pk in sorted({pk for pk in (present, account) if pk}):
                    _lock_account(pk)
                yield
                family = Patient.objects.filter(user__patients=self)
                if family.filter(is_dependent=True).count() > MOST_DEPENDENTS:
                    raise ValidationError(TOO_MANY, code="too_many_dependents")
        except IntegrityError as error:
            if violates(error, "patient_patient_dependent_of_somebody"):
                raise ValidationError(OF_NOBODY, code="dependent_of_nobody") from error
            if Patient.objects.own_of(account).exclude(pk=self.pk).exists():
                raise ProfileExists from error
            raise

    def erase(self, by: User | None = None, at: datetime | None = None) -> None:
        """Erase the person: coming appointments are canceled, past ones stay without a name.

        Deletes the personal and medical data, the waitlist entries, the free text of appointments
        and events, and the name in the admin's log. The account stays. Locks the user, the patient,
        all slots of visits and offers, then the entries. Raises DoesNotExist for a person who was
        erased before.
        """
        if not Patient.objects.filter(pk=self.pk).erase_all(by, at):
            raise Patient.DoesNotExist

    def delete_personal_data(self) -> None:
        """Delete the locked patient and the medical history, once no appointment names them."""
        self.history.all().delete()
        self.emergency_accesses.update(reason="")
        _log_of(self).update(object_repr=f"patient {self.pk}, erased")
        AuditEvent.objects.record(Action.ERASE, self, [self])
        self.delete()


def _lock_account(pk: int) -> None:
    """Lock the user; raises User.DoesNotExist for an account that was deleted."""
    if not lock_rows(User.objects.filter(pk=pk)):
        raise User.DoesNotExist


def _only(patients: list[Patient]) -> Patient:
    """The one patient of the list; raises Patient.DoesNotExist for none."""
    if not patients:
        raise Patient.DoesNotExist
    return patients[0]


def _log_of(patient: Patient) -> models.QuerySet[LogEntry]:
    kind = ContentType.objects.get_for_model(Patient)
    return LogEntry.objects.filter(content_type=kind, object_id=str(patient.pk))
