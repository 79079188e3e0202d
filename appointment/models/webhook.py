"""Webhooks: the addresses of other systems to which the clinic sends what happens to visits.

After the Standard Webhooks specification 1.0, as docs/webhooks.md describes it.
"""

import base64
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from standardwebhooks import Webhook as Signer

from accounts.models import AuditEvent, User
from appointment.exceptions import TooManyWebhooks, WebhookInactive
from appointment.models.webhook_delivery import EventType, WebhookDelivery
from extensions import public_http
from extensions.db.models import PartialUpdateModel

MOST_WEBHOOKS = 20
SECRET_BYTES = 32
BOTH_SECRETS = timedelta(hours=24)  # after a rotation
FAILING = timedelta(hours=24)  # without a success, and the webhook is disabled
FIRST_PAUSE = timedelta(seconds=5)  # doubled with each failure in a row
LONGEST_PAUSE = timedelta(minutes=5)
NO_FAILURE: dict[str, Any] = {"failures": 0, "failing_since": None, "paused_until": None}
Action = AuditEvent.Action


def new_secret() -> str:
    """Return a new secret in the form of the specification: whsec_ and base64."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"


def validate_url(url: str) -> None:
    """Raise ValidationError unless messages may be sent to the URL; resolves its host."""
    try:
        public_http.check(url, settings.WEBHOOK_PRIVATE_NETWORKS)
    except public_http.UrlRefused as refused:
        raise ValidationError({"url": ValidationError(refused.message, refused.code)}) from None


def joined(events: Collection[str]) -> str:
    """Return the types of event as the column has them: each once, in the order of EventType."""
    return " ".join(each for each in EventType.subscribable() if each in events)


class WebhookQuerySet(models.QuerySet["Webhook"]):
    """Webhooks, and the verb that registers one."""

    def active(self) -> "WebhookQuerySet":
        """Return the webhooks to which messages are sent."""
        return self.filter(is_active=True)

    def register(self, by: User, url: str, events: Collection[str]) -> "Webhook":
        """Register a webhook; it has a secret, which is shown this once.

        Raises TooManyWebhooks, and ValidationError for a URL that `validate_url` refuses or that
        has a webhook.
        """
        validate_url(url)
        webhook = Webhook(url=url, events=joined(events), created_by=by, secret=new_secret())
        with webhook.saving():
            list(self.order_by("pk").select_for_update(no_key=True))  # so that none is added unseen
            if self.count() >= MOST_WEBHOOKS:
                raise TooManyWebhooks
            webhook.validate_constraints()
            webhook.save(force_insert=True)
            webhook.record(Action.CREATE, by)
        return webhook


class Webhook(PartialUpdateModel):
    """An address that is sent the events it has subscribed to, and the state of sending there."""

    class Disabled(models.TextChoices):
        """Why nothing is sent."""

        BY_STAFF = "by_staff", _("Switched off by staff")
        GONE = "gone", _("The receiver answered 410: it wants no more")
        FAILING = "failing", _("Every attempt of a day failed")

    url = models.CharField(_("address"), max_length=public_http.MAX_URL)
    events = models.CharField(
        _("events"), max_length=200, help_text=_("Types of event, separated by spaces.")
    )
    secret = models.CharField(max_length=64, editable=False)
    previous_secret = models.CharField(max_length=64, blank=True, editable=False)
    previous_until = models.DateTimeField(_("both secrets sign until"), null=True, editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    disabled_at = models.DateTimeField(_("disabled at"), null=True, editable=False)
    disabled_reason = models.CharField(
        _("disabled because"),
        max_length=8,
        choices=Disabled,
        blank=True,
        default="",
        editable=False,
    )
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    failing_since = models.DateTimeField(_("failing since"), null=True, editable=False)
    paused_until = models.DateTimeField(_("paused until"), null=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("created by"),
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        constraints = (
            models.UniqueConstraint(
                fields=["url"],
                name="appointment_webhook_once_per_url",
                violation_error_code="unique",
                violation_error_message=_("There is a webhook with this address already."),
            ),
            models.CheckConstraint(
                condition=~models.Q(events=""),
                name="appointment_webhook_has_events",
                violation_error_code="required",
                violation_error_message=_("Choose at least one event."),
            ),
        )

    def __str__(self) -> str:
        return gettext("Webhook %(number)s") % {"number": self.pk}

    @property
    def event_types(self) -> list[str]:
        """The types of event that are sent."""
        return self.events.split()

    @property
    def host(self) -> str:
        """The host of the URL, whose other parts may hold a secret."""
        return urlsplit(self.url).hostname or ""

    # --- Verbs of staff ---

    def change(self, by: User, **changes: Any) -> None:
        """Change the URL, the events or `is_active`.

        Activating a webhook or changing its URL clears its failures: messages that wait are sent.
        Raises ValidationError as `register` does, and DoesNotExist for a deleted webhook.
        """
        if "url" in changes and changes["url"] != self.url:
            validate_url(changes["url"])
            changes |= NO_FAILURE
        if "events" in changes:
            changes["events"] = joined(changes["events"])
        active = changes.get("is_active", self.is_active)
        if active != self.is_active:
            changes |= self._enabled() if active else self._disabled(self.Disabled.BY_STAFF)
        for name, value in changes.items():
            setattr(self, name, value)
        with self.saving():
            self.validate_constraints()
            self.revise(**changes)
            self.record(Action.CHANGE, by)

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Run the block in a transaction; raises ValidationError for a URL that has a webhook."""
        try:
            with transaction.atomic():
                yield
        except IntegrityError:
            self.validate_constraints()
            raise

    def rotate_secret(self, by: User, at: datetime | None = None) -> str:
        """Return a new secret, shown this once; for 24 hours the old one signs as well.

        A second rotation within the 24 hours ends the first secret at once.
        """
        secret = new_secret()
        with transaction.atomic():
            rows = type(self).objects.filter(pk=self.pk)
            until = (at or timezone.now()) + BOTH_SECRETS
            old = models.F("secret")
            if not rows.update(previous_secret=old, previous_until=until, secret=secret):
                raise self.DoesNotExist
            self.record(Action.CHANGE, by)
        self.refresh_from_db()
        return secret

    def send_test(self, at: datetime | None = None) -> WebhookDelivery:
        """Queue a message of the type `webhook.test`; raises WebhookInactive.

        It ends a pause: staff who have mended the receiver wait for the test.
        """
        if not self.is_active:
            raise WebhookInactive
        self.revise(paused_until=None)
        return WebhookDelivery.objects.queue_test(self.pk, at or timezone.now())

    def remove(self, by: User) -> None:
        """Delete the webhook; the job that deletes old messages deletes its messages."""
        with transaction.atomic():
            self.record(Action.DELETE, by)
            self.delete()

    def record(self, action: str, by: User) -> None:
        """Record in the audit trail that the user has done this."""
        role = AuditEvent.Role.STAFF
        AuditEvent.objects.record(action, self, actor=by, role=role)

    def _enabled(self) -> dict[str, Any]:
        return {**NO_FAILURE, "disabled_at": None, "disabled_reason": "", "is_active": True}

    def _disabled(self, reason: str, at: datetime | None = None) -> dict[str, Any]:
        at = at or timezone.now()
        return {"is_active": False, "disabled_at": at, "disabled_reason": reason}

    # --- What the sender notes ---

    def signatures(self, message: str, at: datetime, body: str) -> str:
        """Return the value of the header webhook-signature: one signature for each valid secret."""
        valid = [self.secret]
        if self.previous_until is not None and at < self.previous_until:
            valid.append(self.previous_secret)
        return " ".join(Signer(secret).sign(message, at, body) for secret in valid)

    def note_success(self) -> None:
        """Clear the failures in a row, if the stored row has any."""
        failing = type(self).objects.filter(pk=self.pk, failures__gt=0)
        failing.update(**NO_FAILURE)

    def note_failure(self, at: datetime, retry_after: timedelta | None, gone: bool) -> bool:
        """Note a failed attempt, and pause the webhook; return whether this disables it.

        A receiver that is `gone` disables it, and so do failures of all attempts within FAILING. Of
        two senders that note this at once, one gets True.
        """
        pause = min(FIRST_PAUSE * 2 ** min(self.failures, 10), LONGEST_PAUSE)
        rows = type(self).objects.active().filter(pk=self.pk)
        rows.update(
            failures=models.F("failures") + 1,
            failing_since=Coalesce("failing_since", models.Value(at)),
            paused_until=at + max(pause, retry_after or pause),
        )
        reason = self.Disabled.GONE if gone else self.Disabled.FAILING
        ended = rows if gone else rows.filter(failing_since__lte=at - FAILING)
        return bool(ended.update(**self._disabled(reason, at)))
