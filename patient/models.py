"""The people who are seen, and what is known of their health."""

from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from phonenumber_field.modelfields import PhoneNumberField

from accounts.fields import free_text, validate_language_tag
from accounts.models import Revisable, User
from patient.exceptions import ProfileExists

OLDEST_BIRTH = date(1900, 1, 1)


def validate_past_date(value: date) -> None:
    """Raise ValidationError for a date before 1900 or after today, wherever that is furthest on."""
    if not OLDEST_BIRTH <= value <= timezone.now().date() + timedelta(days=1):
        raise ValidationError("Use a date from 1900 to today.", code="date_range")


class PatientQuerySet(models.QuerySet["Patient"]):
    """Scopes and locks of patients."""

    def visible_to(self, user: Any) -> "PatientQuerySet":
        """A user's own."""
        return self.filter(user=user)

    def lock(self, pk: int | None) -> "Patient":
        """Lock the patient until the transaction ends, their user first; raises DoesNotExist."""
        if pk is None:
            raise self.model.DoesNotExist
        User.objects.lock(self.filter(pk=pk).values_list("user", flat=True).first())
        return self.select_for_update(no_key=True, of=("self",)).get(pk=pk)

    def lock_own(self, user: User) -> "Patient":
        """Lock the user's own profile, making one from the account's names where none is yet."""
        if User.objects.lock(user.pk) is None:
            raise User.DoesNotExist
        own = self.select_for_update(no_key=True, of=("self",)).visible_to(user).first()
        return own or self.create(user=user, first_name=user.first_name, last_name=user.last_name)

    def lock_all(self) -> None:
        """Lock all of these, to erase them: their users, then themselves, then all their slots."""
        users = User.objects.filter(pk__in=list(self.values_list("user", flat=True)))
        for people in (users, self):
            list(people.select_for_update(no_key=True, of=("self",)).order_by("pk"))
        visits: Any = self.model._meta.get_field("appointments").related_model
        visits.objects.filter(patient__in=list(self.values_list("pk", flat=True))).lock_slots()


class Patient(Revisable):
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
        help_text="The account they book with, if any.",
    )
    is_dependent = models.BooleanField(
        "dependent",
        default=False,
        editable=False,
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
                violation_error_message="A dependent needs an account that books for them.",
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
        """Save a new profile; raises ProfileExists where the user has one. Locks the user."""
        try:
            with transaction.atomic():
                # A first booking would make one meanwhile.
                if self.user_id and User.objects.lock(self.user_id) is None:
                    raise User.DoesNotExist
                self.save(force_insert=True)
        except IntegrityError as error:
            if Patient.objects.filter(user=self.user_id).exists():
                raise ProfileExists from error
            raise

    def revise(self, **changes: Any) -> None:
        """Write these columns; raises ProfileExists for a user who has a profile already.

        An account to be linked is locked with the present one: its first booking makes a profile.
        """
        linked = changes.get("user", self.user)
        try:
            with transaction.atomic():
                for pk in sorted(user.pk for user in {self.user, linked} if user):
                    User.objects.lock(pk)
                super().revise(**changes)
        except IntegrityError as error:
            if Patient.objects.filter(user=linked).exclude(pk=self.pk).exists():
                raise ProfileExists from error
            raise

    def erase(self, by: User | None = None, at: datetime | None = None) -> None:
        """Erase the person: coming appointments are canceled, past ones stay without them.

        Personal and medical data go, and the free text of their appointments and events, and the
        name in the admin's log. The account stays. Locks the user, the patient, all their slots.
        """
        with transaction.atomic():
            patient = Patient.objects.lock(self.pk)
            patient.appointments.part_with_patient(by=by, at=at or timezone.now())
            patient.history.all().delete()
            _log_of(patient).update(object_repr=f"patient {patient.pk}, erased")
            patient.delete()


def _log_of(patient: Patient) -> models.QuerySet[LogEntry]:
    kind = ContentType.objects.get_for_model(Patient)
    return LogEntry.objects.filter(content_type=kind, object_id=str(patient.pk))


class MedicalHistoryQuerySet(models.QuerySet["MedicalHistory"]):
    """Scopes of medical history."""

    def visible_to(self, user: Any) -> "MedicalHistoryQuerySet":
        """Of the user's own profile."""
        return self.filter(patient__user=user)


class MedicalHistory(Revisable):
    """One thing to know of a patient's health."""

    class Kind(models.TextChoices):
        """What it is."""

        CONDITION = "condition"
        ALLERGY = "allergy"
        MEDICATION = "medication"
        SURGERY = "surgery"
        IMMUNIZATION = "immunization"

    class Status(models.TextChoices):
        """Whether it still matters."""

        ACTIVE = "active"
        RESOLVED = "resolved"

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="history")
    kind = models.CharField(max_length=12, choices=Kind)
    description = free_text()
    status = models.CharField(max_length=8, choices=Status, default=Status.ACTIVE)
    diagnosed_on = models.DateField(null=True, blank=True, validators=[validate_past_date])
    notes = free_text(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = MedicalHistoryQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name_plural = "medical history"
        indexes = (
            models.Index(fields=["patient", "-created_at"], name="patient_history_of_patient"),
        )

    def __str__(self) -> str:
        return f"Entry {self.pk}"  # no word of it: the admin's log keeps this

    def enter(self) -> None:
        """Save a new entry; its patient is locked, so that none is left by an erasure under way."""
        with transaction.atomic():
            self.patient = Patient.objects.lock(self.patient_id)
            self.save(force_insert=True)

    def revise(self, **changes: Any) -> None:
        """As for any row, with the instant of it."""
        super().revise(**changes, updated_at=timezone.now())

    def add(self, user: User) -> None:
        """Save a new entry in the user's own record, making their profile where none is yet."""
        with transaction.atomic():
            self.patient = Patient.objects.lock_own(user)
            self.save(force_insert=True)
