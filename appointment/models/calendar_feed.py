"""Calendar feeds: secret addresses by which calendar programs read the visits of an account."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.exceptions import CredentialsChanged
from accounts.models import AuditEvent, User
from appointment.exceptions import TooManyFeeds
from appointment.models.appointment import Appointment, AppointmentQuerySet
from appointment.models.event import AppointmentEvent, Status
from doctor.models import Doctor
from extensions.db.inserts import insert_together
from patient.models import Patient

MOST_FEEDS = 10  # an account
SECRET_BYTES = 32
MOST_ENTRIES = 500  # a feed
PAST_OF_PATIENT = timedelta(days=90)
PAST_OF_DOCTOR = timedelta(days=7)
# How long a feed has an entry that says that a visit is canceled, so that calendars drop it.
CANCELED_SHOWN = timedelta(days=30)
NO_DOCTOR = _("Only doctors have a calendar of the visits of their patients.")


class CalendarFeedQuerySet(models.QuerySet["CalendarFeed"]):
    """Feeds of an account; `make` adds one. A feed that is revoked or has ended has no row."""

    def make(self, user: User, kind: str = "", at: datetime | None = None) -> "CalendarFeed":
        """Make a feed of the account's people, or of the visits of its doctor.

        Without a kind it is `doctor` for the account of an active doctor, else `patient`. Only this
        object has the `secret`; the row has its digest. Raises PermissionDenied for the
        kind `doctor` unless the user is an active doctor, TooManyFeeds beyond MOST_FEEDS, and
        CredentialsChanged if the logins of the account have ended since `user` was read. Locks the
        user.
        """
        with transaction.atomic():
            account = User.objects.lock(user.pk)
            if account is None or not account.is_active or _logins(account) != _logins(user):
                raise CredentialsChanged
            if kind != CalendarFeed.Kind.PATIENT:
                is_doctor = Doctor.objects.active().filter(user=account).exists()
                if kind and not is_doctor:
                    raise PermissionDenied(str(NO_DOCTOR))
                kind = CalendarFeed.Kind.DOCTOR if is_doctor else CalendarFeed.Kind.PATIENT
            if self.filter(user=account).count() >= MOST_FEEDS:
                raise TooManyFeeds
            secret = secrets.token_urlsafe(SECRET_BYTES)
            created_at = at or timezone.now()
            feed = self.model(
                user=account, kind=kind, digest=digest_of(secret), created_at=created_at
            )
            create = AuditEvent.Action.CREATE
            insert_together([feed, *AuditEvent.objects.unsaved(create, feed, feed.people())])
            feed.secret = secret
        return feed

    def with_secret(self, secret: str) -> "CalendarFeedQuerySet":
        """Return the feed with this secret, if it may be read: one row or none.

        Its account must be active. For a patient's feed, the owner must not be marked deceased; for
        a doctor's, the doctor must be active.
        """
        own = Patient.objects.filter(user=OuterRef("user"), is_dependent=False)
        deceased = own.filter(marked_deceased_at__isnull=False)
        alive = Q(~Exists(deceased), kind="patient")
        alive |= Q(kind="doctor", user__doctor__is_active=True)
        found = self.filter(alive, digest=digest_of(secret), user__is_active=True)
        language = Subquery(own.values("preferred_language")[:1])
        return found.select_related("user__doctor").annotate(language=language)

    def end_for_erased(self, patients: list[Patient]) -> None:
        """Delete the patient feeds of erased owners of accounts; erasing a dependent ends none."""
        accounts = [patient.user_id for patient in patients if not patient.is_dependent]
        self.filter(user__in=accounts, kind=CalendarFeed.Kind.PATIENT).delete()


class CalendarFeed(models.Model):
    """One address under which calendar programs read visits; it needs no login.

    The key of the account has no constraint in the database: the previous release deletes accounts
    and does not know this table.
    """

    class Kind(models.TextChoices):
        """Whose visits: of the account's own profile and dependents, or of its doctor."""

        PATIENT = "patient", _("Visits of a patient and dependents")
        DOCTOR = "doctor", _("Visits with a doctor")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="calendar_feeds",
        db_constraint=False,
        verbose_name=_("account"),
    )
    kind = models.CharField(_("kind"), max_length=7, choices=Kind)
    digest = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(
        pgettext_lazy("calendar feed", "created"), default=timezone.now
    )

    secret = ""  # nosec B105  # the last part of the address; only of the object that `make` returns
    language: str | None  # preferred by the owner; annotated by `with_secret`
    objects = CalendarFeedQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("calendar feed")
        verbose_name_plural = _("calendar feeds")
        default_permissions = ("view", "delete")
        constraints = (
            models.UniqueConstraint(
                fields=["digest"],
                name="appointment_calendarfeed_digest_unique",
                violation_error_code="unique",
                violation_error_message=_("There is such a feed already."),
            ),
            models.CheckConstraint(
                condition=Q(kind__in=("patient", "doctor")),
                name="appointment_calendarfeed_kind_known",
                violation_error_code="kind",
                violation_error_message=_("The kind is none of those there are."),
            ),
        )

    def __str__(self) -> str:
        return gettext("Calendar feed %(number)s") % {"number": self.pk}

    def revoke(self) -> None:
        """Delete the feed: its address is 404 at once. A second call changes nothing."""
        with transaction.atomic():
            people = self.people()
            if CalendarFeed.objects.filter(pk=self.pk).delete()[0]:
                AuditEvent.objects.record(AuditEvent.Action.DELETE, self, people)

    def people(self) -> list[Any]:
        """Return the patients whose visits the feed shows; [None] for a doctor's."""
        if self.kind == self.Kind.DOCTOR:
            return [None]
        return list(Patient.objects.cared_for_by(self.user_id).order_by("pk")) or [None]

    def visits(self, at: datetime) -> list[Appointment]:
        """Return the visits that the feed shows at the instant, earliest first, with their names.

        Each has a `sequence` and `revised_at`. A patient's feed has the visits of the last 90 days
        and all to come, a doctor's those of the last 7 days and all to come. If these are more than
        MOST_ENTRIES, a patient's feed has the latest, a doctor's the earliest. One statement.
        """
        recent = ~Q(status=Status.CANCELED) | Q(canceled_at__gt=at - CANCELED_SHOWN)
        rows = with_revisions(self._visits_from(at).filter(recent).with_names())
        if self.kind == self.Kind.DOCTOR:
            return list(rows.order_by("starts_at", "pk")[:MOST_ENTRIES])
        return list(rows.order_by("-starts_at", "-pk")[:MOST_ENTRIES])[::-1]

    def _visits_from(self, at: datetime) -> AppointmentQuerySet:
        if self.kind == self.Kind.DOCTOR:
            since = at - PAST_OF_DOCTOR
            return Appointment.objects.filter(doctor=self.user.doctor, starts_at__gt=since)
        alive = Patient.objects.cared_for_by(self.user_id).filter(marked_deceased_at=None)
        since = at - PAST_OF_PATIENT
        return Appointment.objects.filter(patient__in=alive.values("pk"), starts_at__gt=since)


def _logins(user: User) -> str:
    """Return what changes when the logins of the account end."""
    return user.get_session_auth_hash()


def digest_of(secret: str) -> str:
    """Return the digest under which a secret is stored. With 256 random bits it needs no salt."""
    return sha256(secret.encode()).hexdigest()


def with_revisions(visits: AppointmentQuerySet) -> AppointmentQuerySet:
    """Add `sequence` and `revised_at` to each visit, for `Revision.read_with`.

    Read in one statement, the revision and the time of a visit are of the same moment.
    """
    events = AppointmentEvent.objects.filter(appointment=OuterRef("pk")).changing_calendars()
    of_visit = events.order_by().values("appointment")
    number = Subquery(of_visit.annotate(number=Count("pk")).values("number"))
    latest = Subquery(of_visit.annotate(latest=Max("at")).values("latest"))
    return visits.annotate(
        sequence=Coalesce(number, 0), revised_at=Coalesce(latest, F("created_at"))
    )
