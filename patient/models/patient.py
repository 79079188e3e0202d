"""Patients: owners of accounts, their dependents, and people without an account."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEvent, User
from extensions.db.compiled import compiled
from extensions.db.constraints import violates
from extensions.db.expressions import AmongKeys, FirstOnly
from extensions.db.fields import (
    MAX_KEY,
    external_id_field,
    free_text,
    one_line,
    phone_number_field,
    unique_external_id,
    validate_language_tag,
)
from extensions.db.locks import lock_rows
from extensions.db.models import PartialUpdateModel
from extensions.db.names import FoldedModel, FoldedNameField, FoldedQuerySet
from extensions.db.retry import retry_on_stale_lock
from extensions.formats import date_text
from extensions.search import Term
from patient.exceptions import ProfileExists
from patient.models.dates import validate_past_date
from patient.models.merging import PatientMerge
from patient.models.names import names_and_births
from patient.models.word import MANY, MANY_ELSEWHERE, MOST_COMPARED, PatientWord, first_patients
from patient.signals import patient_deceased, patient_erasing

MAX_DEPENDENTS = 20  # of one account; enough for a large family
TOO_MANY_DEPENDENTS = _("An account books for at most %(limit)s dependents.")
# The columns of an account that no verb of a patient reads.
UNUSED = tuple(
    f"user__{name}" for name in ("password", "search_words", "last_name_key", "first_name_key")
)
Action = AuditEvent.Action
COMPARED_AT_ONCE = 100  # patients of an import; SQLite limits the depth of a condition
DEPENDENT_WITHOUT_ACCOUNT = _("A dependent needs an account that books for them.")


class PatientQuerySet(FoldedQuerySet["Patient"]):
    """Patients by the account that books for them, by name, the locks of both, and erasure."""

    search_columns = frozenset({"last_name", "first_name", "date_of_birth", "phone_number"})

    def cared_for_by(self, user: Any) -> "PatientQuerySet":
        """The patients whom the user may see and book for: the user's own profile and dependents.

        Empty if `user` is None, where a filter would find all patients without an account.
        """
        return self.filter(user=user) if user else self.none()

    def own_of(self, user: Any) -> "PatientQuerySet":
        """The user's own profile: one or none."""
        return self.cared_for_by(user).filter(is_dependent=False)

    def dependents_of(self, user: Any) -> "PatientQuerySet":
        """The user's dependents."""
        return self.cared_for_by(user).filter(is_dependent=True)

    def own_or_dependent(self, user: Any, pk: int | None = None) -> "Patient | None":
        """Return the profile or dependent with that key; without a key, the own profile or None.

        Raises DoesNotExist for a patient of another user, as for one who does not exist.
        """
        account = user if user.is_authenticated else None
        if pk is None:
            return self.own_of(account).first()
        possible = 0 <= pk <= MAX_KEY
        return self.cared_for_by(account).get(pk=pk) if possible else self.none().get()

    # --- Search ---

    def search_condition(
        self,
        terms: Sequence[Term],
        columns: Collection[str],
        path: str = "pk",
        few_rows: bool = False,
    ) -> models.Q | None:
        """Return the condition that a row's patient is found by every term in these columns.

        None if no patient is found. `path`: from a row to the key of its patient; for `pk` the rows
        are those of this queryset, of which the condition finds the first MANY and one more. For
        another path it finds what the first MANY_ELSEWHERE have, and is then a FirstOnly, or, of
        `few_rows`, compares the words of each row's patient. The condition lists keys: the planner
        estimates wrongly how many names have a given beginning.
        """
        ranges = PatientWord.objects.matching(terms, columns)
        most = MANY if path == "pk" else MANY_ELSEWHERE
        keys = first_patients(ranges, most + 1)
        if len(keys) <= most:
            return models.Q(AmongKeys(path, keys)) if keys else None
        if path == "pk" and self.query.where:
            return self._among_these(ranges)
        if path == "pk":
            return models.Q(AmongKeys(path, keys))
        if few_rows:
            return reduce(or_, (words.of_row(path) for words in ranges))
        return FirstOnly(AmongKeys(path, keys[:most]))

    def _among_these(self, ranges: Sequence[Any]) -> models.Q | None:
        """Return the condition of the first MANY of these patients, and one more, with such words.

        Of more than MOST_COMPARED patients with such words the others are left out.
        """
        keys = first_patients(ranges, MOST_COMPARED)
        mine = set(self.order_by().filter(AmongKeys("pk", keys)).values_list("pk", flat=True))
        first = [key for key in keys if key in mine][: MANY + 1]
        if len(keys) == MOST_COMPARED and len(first) <= MANY:
            return FirstOnly(AmongKeys("pk", first))
        return models.Q(AmongKeys("pk", first)) if first else None

    def maybe_same(self, patient: "Patient") -> "PatientQuerySet":
        """Return the other patients who may be this person.

        They have the same folded names, in either order, and birth date, or the same phone number.
        """
        same = models.Q(pk__in=())
        if patient.date_of_birth:
            same |= names_and_births([patient])
        if patient.phone_number:
            same |= models.Q(pk__in=PatientWord.objects.of_phone(patient.phone_number))
        return self.filter(same).exclude(pk=patient.pk)

    def maybe_same_as(self, patients: "Sequence[Patient]") -> "dict[int, Patient]":
        """Return, for each of these unsaved patients who may be there already, one such patient.

        As `maybe_same`, for many at once: the keys are positions in `patients`.
        """
        found: dict[int, Patient] = {}
        for first in range(0, len(patients), COMPARED_AT_ONCE):
            some = patients[first : first + COMPARED_AT_ONCE]
            wanted = [each.identities() for each in some]
            known: dict[tuple[Any, ...], Patient] = {}
            named = self.filter(names_and_births(some)).order_by("-pk")
            phones = PatientWord.objects.of_phones([each.phone_number for each in some])
            for other in (*named, *self.filter(pk__in=phones).order_by("-pk")):
                known |= dict.fromkeys(other.identities(), other)
            for position, identities in enumerate(wanted, first):
                if other := next((known[each] for each in identities if each in known), None):
                    found[position] = other
        return found

    def with_external_ids(self, keys: Iterable[str]) -> "PatientQuerySet":
        """Return the patients with one of these external ids, of which an empty one is none."""
        # The exclusion names the condition of the partial index.
        return self.filter(external_id__in={*keys}).exclude(external_id="")

    # --- Verbs for many rows ---

    def enroll_all(self, patients: "Sequence[Patient]") -> None:
        """Save new patients without an account in one transaction, with an audit event of each."""
        with transaction.atomic():
            self.bulk_create(patients)
            AuditEvent.objects.record(Action.CREATE, Patient, patients)

    def revise_all(self, patients: "Sequence[Patient]", columns: Collection[str]) -> None:
        """Write these columns of patients whom the caller has locked, with an audit event of each.

        `columns`: neither `user` nor `is_dependent`, which `Patient.revise` changes.
        """
        with transaction.atomic():
            self.bulk_update(patients, columns)
            AuditEvent.objects.record(Action.CHANGE, Patient, patients)

    # --- Locks ---

    def lock(self, pk: int | None) -> "Patient":
        """Lock the patient's user, then the patient, until the transaction ends.

        Raises DoesNotExist.
        """
        if pk is None:
            raise self.model.DoesNotExist
        for patient in _lock_with_account(models.Q(pk=pk)):
            return patient
        return _only(lock_rows(self.filter(pk=pk)))

    def lock_for(self, user: User, patient_id: int | None = None) -> "Patient":
        """Lock the user, then the dependent with that id or else the user's own profile.

        Creates the own profile, with the account's names, if it is missing. Raises DoesNotExist for
        a patient of another user, as for one who does not exist.
        """
        own_or_named = {"is_dependent": False} if patient_id is None else {"pk": patient_id}
        for patient in _lock_with_account(models.Q(user=user.pk, **own_or_named)):
            return patient
        _lock_account(user.pk)
        if patient_id is not None:
            return _only(lock_rows(self.cared_for_by(user).filter(pk=patient_id)))
        for own in lock_rows(self.own_of(user)):
            return own
        own = self.create(user=user, first_name=user.first_name, last_name=user.last_name)
        AuditEvent.objects.record(Action.CREATE, own, [own])
        return own

    # --- Verb ---

    def erase_all(
        self, by: User | None = None, at: datetime | None = None, *, keep_deadlines: bool = False
    ) -> int:
        """Erase all of these persons in one transaction, as `Patient.erase`; returns how many.

        Locks their users, the patients, then what the receivers of `patient_erasing` lock.
        """
        keys = list(self.values_list("pk", "user"))
        with transaction.atomic():
            lock_rows(User.objects.filter(pk__in=[user for _, user in keys]))
            patients = lock_rows(Patient.objects.filter(pk__in=[pk for pk, _ in keys]))
            at = at or timezone.now()
            sent = {"patients": patients, "by": by, "at": at, "keep_deadlines": keep_deadlines}
            patient_erasing.send(sender=Patient, **sent)
            for patient in patients:
                patient.delete_personal_data()
        return len(patients)


class Patient(FoldedModel, PartialUpdateModel):
    """A person who has visits. People without a user book at the reception."""

    class Sex(models.TextChoices):
        """The codes of FHIR's value set administrative-gender."""

        FEMALE = "female", _("Female")
        MALE = "male", _("Male")
        OTHER = "other", _("Other")
        UNKNOWN = "unknown", _("Unknown")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="patients",
        verbose_name=_("user"),
        help_text=_("The account they book with, or that books for them, if any."),
    )
    is_dependent = models.BooleanField(
        _("dependent"),
        default=False,
        help_text=_("Somebody the account books for, not its owner."),
    )
    first_name = one_line(
        150,
        verbose_name=_("first name"),
        blank=True,
        help_text=_("Empty for a person with one name."),
    )
    last_name = one_line(150, verbose_name=_("last name"))
    date_of_birth = models.DateField(
        _("date of birth"), null=True, blank=True, validators=[validate_past_date]
    )
    sex = models.CharField(_("sex"), max_length=7, choices=Sex, blank=True)
    phone_number = phone_number_field(
        verbose_name=_("phone number"),
        blank=True,
        help_text=_("With country code: +34 612 345 678."),
    )
    address = free_text(verbose_name=_("address"), blank=True)
    preferred_language = models.CharField(
        _("preferred language"),
        max_length=35,
        blank=True,
        validators=[validate_language_tag],
        help_text=_("BCP 47, such as es or pt-BR."),
    )
    emergency_contact_name = one_line(300, verbose_name=_("emergency contact name"), blank=True)
    emergency_contact_phone = phone_number_field(
        verbose_name=_("emergency contact phone"), blank=True
    )
    external_id = external_id_field()
    marked_deceased_at = models.DateTimeField(
        _("deceased"),
        null=True,
        editable=False,
        help_text=_("When staff marked the person deceased; empty otherwise."),
    )

    last_name_key = FoldedNameField(("last_name",))
    first_name_key = FoldedNameField(("first_name",))
    words_from = ("last_name", "first_name", "date_of_birth", "phone_number")

    objects = PatientQuerySet.as_manager()

    class Meta:
        verbose_name = _("patient")
        verbose_name_plural = _("patients")
        ordering = ("last_name_key", "first_name_key", "pk")
        permissions = (
            ("merge_patient", "Can merge two records of one patient"),
            ("issue_claim_code", "Can give a patient the code that claims the record"),
        )
        indexes = (
            models.Index(
                fields=["last_name_key", "first_name_key", "id"], name="patient_patient_name_keys"
            ),
            models.Index(
                fields=["sex", "last_name_key", "first_name_key", "id"], name="patient_of_sex"
            ),
            models.Index(
                fields=["preferred_language", "last_name_key", "first_name_key", "id"],
                name="patient_of_language",
            ),
            models.Index(
                fields=["last_name_key", "first_name_key", "id"],
                condition=models.Q(is_dependent=True),
                name="patient_dependents",
            ),
            models.Index(
                fields=["last_name_key", "first_name_key", "id"],
                condition=models.Q(marked_deceased_at__isnull=False),
                name="patient_deceased",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(is_dependent=False),
                name="patient_patient_one_own_profile",
                violation_error_code="profile_exists",
                violation_error_message=_("This user has a profile already."),
            ),
            models.CheckConstraint(
                condition=models.Q(is_dependent=False) | models.Q(user__isnull=False),
                name="patient_patient_dependent_of_somebody",
                violation_error_code="dependent_of_nobody",
                violation_error_message=DEPENDENT_WITHOUT_ACCOUNT,
            ),
            unique_external_id(
                "patient_patient_external_id_unique",
                _("A patient with this external id exists already."),
            ),
        )

    def __str__(self) -> str:
        """Return the name and birth date, by which staff tell people of the same name apart."""
        shown = {"name": self.name}
        if self.date_of_birth:
            shown["date"] = date_text(self.date_of_birth)
            if self.is_deceased:
                return gettext("%(name)s, born %(date)s, deceased") % shown
            return gettext("%(name)s, born %(date)s") % shown
        return gettext("%(name)s, deceased") % shown if self.is_deceased else self.name

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def is_deceased(self) -> bool:
        """Whether staff have marked the person deceased."""
        return self.marked_deceased_at is not None

    @classmethod
    def keep_words(cls, rows: Iterable[Any], new: bool = False) -> None:
        """Write the words that these patients are found by."""
        PatientWord.objects.keep(rows, new)

    @classmethod
    def wrongly_folded(cls, rows: list[Any]) -> set[int]:
        """Return the keys of those of the patients who have a wrong key or wrong words."""
        return super().wrongly_folded(rows) | PatientWord.objects.wrong(rows)

    def identities(self) -> list[tuple[Any, ...]]:
        """Return what another record of this person may share: birth date and names, or a phone."""
        found: list[tuple[Any, ...]] = []
        if self.date_of_birth:
            names = (FoldedNameField.fold(self.last_name), FoldedNameField.fold(self.first_name))
            found.append((self.date_of_birth, *sorted(names)))
        if self.phone_number:
            found.append((str(self.phone_number),))
        return found

    def enroll(self) -> None:
        """Save a new patient. Raises ProfileExists if the user already has a profile.

        Raises ValidationError for more than MAX_DEPENDENTS and for a dependent without a user.
        Locks the user, so that a first booking does not create the profile at the same time.
        """
        with self._account_change(self.user_id):
            self.save(force_insert=True)
            AuditEvent.objects.record(Action.CREATE, self, [self])

    def revise(self, **changes: Any) -> None:
        """Write these columns; raises as `enroll`.

        Locks the present user and the new one before a change of user or `is_dependent`. The audit
        event has the caller's role before the change: to link a patient to oneself is no act of
        that patient.
        """
        linked = changes.get("user", self.user)
        moves = changes.keys() & {"user", "is_dependent"}
        link: Any = self._account_change(linked and linked.pk) if moves else transaction.atomic()
        with link as before:
            super().revise(**changes)
            if moves:
                self.claim_codes.all().delete()
            AuditEvent.objects.record(Action.CHANGE, self, [before or self])

    @contextmanager
    def _account_change(self, account: int | None) -> Iterator["Patient"]:
        """Run the body, which links the patient to the account or to none, in a transaction.

        Yields an unsaved patient with the same key and the present account. Locks the present
        account and the new one, the lower key first. Raises as `enroll`.
        """
        try:
            with transaction.atomic():
                # A form has changed this object already: only the row has the present account.
                present = Patient.objects.filter(pk=self.pk).values_list("user", flat=True).first()
                for pk in sorted({pk for pk in (present, account) if pk}):
                    _lock_account(pk)
                yield Patient(pk=self.pk, user_id=present)
                family = Patient.objects.filter(user__patients=self)
                if family.filter(is_dependent=True).count() > MAX_DEPENDENTS:
                    limit = {"limit": MAX_DEPENDENTS}
                    raise ValidationError(TOO_MANY_DEPENDENTS, "too_many_dependents", limit)
        except IntegrityError as error:
            if violates(error, "patient_patient_dependent_of_somebody"):
                raise ValidationError(
                    DEPENDENT_WITHOUT_ACCOUNT, code="dependent_of_nobody"
                ) from error
            if Patient.objects.own_of(account).exclude(pk=self.pk).exists():
                raise ProfileExists from error
            raise

    def erase(
        self, by: User | None = None, at: datetime | None = None, *, keep_deadlines: bool = False
    ) -> None:
        """Erase the person: coming appointments are canceled, past ones stay without a name.

        Deletes the personal and medical data, the waitlist entries, the free text of appointments
        and events, and the name in the admin's log. The account stays. Locks the user, the patient,
        all slots of visits and offers, then the entries. Raises DoesNotExist for a person who was
        erased before. With `keep_deadlines`, a coming visit that its patient may not cancel any
        more prevents the erasure: the receiver raises CancelDeadlinePassed.
        """
        one = Patient.objects.filter(pk=self.pk)
        if not one.erase_all(by, at, keep_deadlines=keep_deadlines):
            raise Patient.DoesNotExist

    def merge(self, other: "Patient", by: User | None = None, at: datetime | None = None) -> None:
        """Merge another record of the same person into this one, in one transaction.

        Visits, history, waitlist entries, a sole account and what else the other record has become
        this one's; empty fields are filled from it; where both have a value, this one's stands. The
        row of the other is deleted, and leaves a MergedPatient, to which its audit events lead.
        Raises MergeRefused for one and the same record, a record merged before, two accounts, the
        member of staff's own record and a mark `deceased` on one of them; VisitsCollide for live
        visits that overlap; DoesNotExist for a person who was erased. Locks the users, both
        patients, all their slots, waitlist entries, then the visits.
        """
        PatientMerge(self, other, by, at or timezone.now()).run()

    @retry_on_stale_lock
    @transaction.atomic
    def mark_deceased(self, by: User | None = None, at: datetime | None = None) -> None:
        """Mark the person deceased; a second call changes nothing.

        Coming visits are canceled whatever their deadline, waitlist entries end, claim codes are
        void, and there are no new bookings. Raises DoesNotExist for a person who was erased. Locks
        the user, the patient, all slots of visits and offers, waitlist entries, then the visits.
        """
        at = at or timezone.now()
        patient = Patient.objects.lock(self.pk)
        if not patient.is_deceased:
            patient.claim_codes.all().delete()
            patient.revise(marked_deceased_at=at)
            patient_deceased.send(sender=Patient, patient=patient, by=by, at=at)
        self.marked_deceased_at = patient.marked_deceased_at

    @transaction.atomic
    def unmark_deceased(self) -> None:
        """Take the mark back; what it canceled stays canceled. Locks the user, then the patient.

        Raises DoesNotExist for a person who was erased.
        """
        patient = Patient.objects.lock(self.pk)
        if patient.is_deceased:
            patient.revise(marked_deceased_at=None)
        self.marked_deceased_at = None

    def delete_personal_data(self) -> None:
        """Delete the patient, the medical history, and the pointers from records merged away.

        The caller has locked the patient and taken the patient off all appointments.
        """
        self.history.all().delete()
        self.emergency_accesses.update(reason="")
        self.name_in_log("erased")
        AuditEvent.objects.record(Action.ERASE, self, [self])
        self.delete()

    def name_in_log(self, state: str) -> None:
        """Name the patient by number in the admin's log, with a word for why there is no row."""
        kind = ContentType.objects.get_for_model(Patient)
        entries = LogEntry.objects.filter(content_type=kind, object_id=str(self.pk))
        entries.update(object_repr=f"patient {self.pk}, {state}")


@compiled
def _lock_with_account(whose: models.Q) -> PatientQuerySet:
    """Lock the account, then the patient, by one statement; none without an account.

    PostgreSQL locks the rows of a result one after the other in the order of `of`. If another
    transaction has changed one of them meanwhile, it reads both again, and leaves them out if the
    patient has another account by now.
    """
    has_account = models.Q(user__date_joined__isnull=False)  # an inner join: only such a row locks
    rows = Patient.objects.filter(whose, has_account).select_related("user").defer(*UNUSED)
    return rows.order_by("pk").select_for_update(no_key=True, of=("user", "self"))


def _lock_account(pk: int) -> None:
    """Lock the user; raises User.DoesNotExist for an account that was deleted."""
    if not lock_rows(User.objects.filter(pk=pk)):
        raise User.DoesNotExist


def _only(patients: list[Patient]) -> Patient:
    """Return the one patient of the list; raises Patient.DoesNotExist if it is empty."""
    if not patients:
        raise Patient.DoesNotExist
    return patients[0]


@compiled
def patients_cared_for_by(user: int | None) -> models.QuerySet[Patient, Patient]:
    """Return the user's own profile and dependents, with their names only."""
    shown = ("first_name", "last_name", "user")
    return Patient.objects.cared_for_by(user).order_by("pk").only(*shown)
