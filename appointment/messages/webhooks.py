"""The mail to staff about a webhook that is disabled because its receiver fails or has gone."""

from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext

from accounts.languages import first_supported
from accounts.letters import Letter
from accounts.messages import EMAIL, Message, MessageKind
from accounts.models import OutgoingMessage
from appointment.models.webhook import Webhook


class WebhookDisabled(MessageKind):
    """Nothing is sent to a webhook any more; staff have to look at its receiver."""

    name = "webhook_disabled"
    about = "webhook"

    def compose(self, row: Any, at: datetime) -> Message | None:
        """Return the mail in the language of the account.

        None if the webhook is active again or deleted, or the account works here no more.
        """
        webhook = Webhook.objects.filter(pk=row.object_id, is_active=False).first()
        user = staff_to_tell().filter(pk=row.user_id).first()
        if webhook is None or user is None:
            return None
        with translation.override(first_supported(user.language)):
            return _letter(webhook).as_mail(user.email)


def _letter(webhook: Webhook) -> Letter:
    """Return the letter; it names only the host of the URL, whose other parts may hold a secret."""
    text = gettext(
        "Every attempt to send to %(host)s has failed for a day, so %(webhook)s was switched off."
    )
    if webhook.disabled_reason == Webhook.Disabled.GONE:
        text = gettext(
            "The receiver at %(host)s has answered that it wants no more messages (410), so "
            "%(webhook)s was switched off."
        )
    then = gettext(
        "Nothing is sent there until you activate it in the admin, under Webhooks. You can then "
        "send again the messages that failed, but not what happens until then."
    )
    return Letter(
        subject=gettext("A webhook was switched off"),
        heading=gettext("A webhook was switched off"),
        paragraphs=(text % {"host": webhook.host, "webhook": webhook}, then),
    )


def staff_to_tell() -> Any:
    """Return the active accounts of staff, verified or not: `createsuperuser` verifies none."""
    return get_user_model().objects.filter(is_active=True, is_staff=True)


def queue_mails(webhook: Webhook) -> None:
    """Queue a mail to the author of the webhook and to each superuser, in this transaction."""
    people = staff_to_tell().filter(Q(is_superuser=True) | Q(pk=webhook.created_by_id))
    about = {"kind": WebhookDisabled.name, "channel": EMAIL, "object_id": webhook.pk}
    OutgoingMessage.objects.bulk_create(
        OutgoingMessage(**about, user=user, address=user.email) for user in people
    )


KINDS = (WebhookDisabled(),)
