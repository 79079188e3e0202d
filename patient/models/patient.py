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
from extensions.db.models import PartialUpdateModel
from patient.exceptions import ProfileExists
from patient.models.dates import validate_past_date

MOST_DEPENDENTS = 20  # of one account: a large family, and no way to fill the table
TOO_MANY = f"An account books for at most {MOST_DEPENDENTS} dependents."
Action = AuditEvent.Action
OF_NOBODY = "A dependent needs an account that books for them."


class PatientQuerySet(models.QuerySet["Patient"]):
    """Scopes and locks of patients."""

    def own_of(self, user: Any) -> "PatientQuerySet":
        """The user's own profile: one or none."""
        return self.cared_for_by(user).filter(is_dependent=False)

    def dependents_of(self, user: Any) -> "PatientQuerySet":
        """Those the user books for besides themselves."""
        return self.cared_for_by(user).filter(is_dependent=True)

    def cared_for_by(self, user: Any) -> "PatientQuerySet":
        """All that the user may see and book for: themselves and their dependents."""
        return self.filter(user=user) if user else self.none()  # no account is not one they share

    def whose_history_is_open_to(self, user: Any, at: datetime) -> "PatientQuerySet":
        """All whom the user cares for, and of a doctor those who are in their treatment."""
        visits: Any = self.model._meta.get_field("appointments").related_model
        treated = visits.objects.of_treatment_by(user, at).filter(patient=models.OuterRef("pk"))
        return self.filter(models.Q(user=user) | models.Q(models.Exists(treated)))

    def meant_by(self, user: Any, pk: int | None = None) -> "Patient | None":
        """The patient named, else the user's own profile; None where there is none yet.

        Raises DoesNotExist for one who is not theirs, just as for one who is not there.
        """
        account = user if user.is_authenticated else None
        if pk is None:
            return self.own_of(account).first()
        known = 0 <= pk <= MAX_KEY
        return self.cared_for_by(account).get(pk=pk) if known else self.none().get()

    def lock(self, pk: int | None) -> "Patient":
        """Lock the patient until the transaction ends, their user first; raises DoesNotExist."""
        if pk is None:
            raise self.model.DoesNotExist
        User.objects.lock(self.filter(pk=pk).values_list("user", flat=True).first())
        return self._locking().get(pk=pk)

    def lock_for(self, user: User, patient_id: int | None = None) -> "Patient":
        """Lock the user, then whom they act for: the patient named, else their own profile.

        Raises DoesNotExist for a patient who is not theirs, just as for one who is not there.
        """
        if patient_id is None:
            return self.lock_own(user)
        _lock_account(user.pk)
        return self._locking().cared_for_by(user).get(pk=patient_id)

    def lock_own(self, user: User) -> "Patient":
        """Lock the user's own profile, making one from the account's names where none is yet."""
        _lock_account(user.pk)
        own = self._locking().own_of(user).first()
        if own is None:
            own = self.create(user=user, first_name=user.first_name, last_name=user.last_name)
            AuditEvent.objects.record(Action.CREATE, own, [own])
        return own

    def lock_all(self) -> None:
        """Lock all of these, to erase them: their users, then themselves, then all their slots."""
        users = User.objects.filter(pk__in=list(self.values_list("user", flat=True)))
        for people in (users, self):
            list(people.select_for_update(no_key=True, of=("self",)).order_by("pk"))
        visits: Any = self.model._meta.get_field("appointments").related_model
        visits.objects.lock_places_of(list(self.values_list("pk", flat=True)))

    def erase_all(self, by: User | None = None) -> None:
        """Erase all of these, as `Patient.erase` does, with all of their slots locked before."""
        with transaction.atomic():
            self.lock_all()
            for patient in self.order_by("pk"):
                patient.erase(by=by)

    def _locking(self) -> "PatientQuerySet":
        return self.select_for_update(no_key=True, of=("self",))


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
        """Erase the person: coming appointments are canceled, past ones stay without them.

        Personal and medical data go, and the free text of their appointments and events, and the
        name in the admin's log, and their entries in line. The account stays. Locks the user, the
        patient, all slots of their visits and offers, then the entries.
        """
        with transaction.atomic():
            patient = Patient.objects.lock(self.pk)
            patient.appointments.anonymize_for(patient, by=by, at=at or timezone.now())
            patient.history.all().delete()
            patient.emergency_accesses.update(reason="")
            _log_of(patient).update(object_repr=f"patient {patient.pk}, erased")
            AuditEvent.objects.record(Action.ERASE, patient, [patient])
            patient.delete()


def _lock_account(pk: int) -> None:
    if User.objects.lock(pk) is None:
        raise User.DoesNotExist


def _log_of(patient: Patient) -> models.QuerySet[LogEntry]:
    kind = ContentType.objects.get_for_model(Patient)
    return LogEntry.objects.filter(content_type=kind, object_id=str(patient.pk))
