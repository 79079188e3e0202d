"""Sends the messages of webhooks: a job of `appointment.scheduler`, in any number of processes.

It claims a message, posts it and notes the outcome, each in a transaction of its own. If a process
dies in between, another one sends the message again after the lease, with the same id. A thread
posts to each webhook, so that a round with several slow ones takes no longer than with one. One
that fails is left until the next round.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from appointment.messages.webhooks import queue_mails
from appointment.models.webhook import Webhook
from appointment.models.webhook_delivery import LONGEST_RETRY_AFTER, WebhookDelivery
from extensions.interrupts import interrupts
from extensions.public_http import Answer, NoAnswer, UrlRefused, post

logger = logging.getLogger(__name__)

ROUND_SECONDS = 5.0  # no attempt begins later in a round; one takes 10 s at most
MOST_IN_A_ROUND = 50  # attempts at one webhook
USER_AGENT = "Clinic-Appointments-Webhooks/1.0"
GONE = 410
WITH_RETRY_AFTER = (429, 503)


def send_due_webhooks(at: datetime) -> int:
    """Send messages that are due, oldest first; return how many were taken by their receivers.

    Messages of one visit go to a webhook in their order: one waits until the one before it is sent
    or given up. The log of a failure names the webhook by its key, and holds nothing of its URL.
    """
    queued = WebhookDelivery.objects.unsent().filter(webhook=OuterRef("pk"), due_at__lte=at)
    hooks = Webhook.objects.active().filter(Exists(queued)).order_by("pk")
    keys = list(hooks.values_list("pk", flat=True))
    return Round(at).run(keys) if keys else 0


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt: `failure` is empty if the receiver has taken the message."""

    failure: str = ""
    retry_after: timedelta | None = None
    gone: bool = False


class Round:
    """One round of attempts: one at a time to each webhook, to all webhooks at once.

    The main thread alone uses the database.
    """

    def __init__(self, at: datetime) -> None:
        self._difference = timezone.now() - at
        self._ends = time.monotonic() + ROUND_SECONDS
        self.sent = 0

    def run(self, hooks: list[int]) -> int:
        """Send to the webhooks with these keys until each fails, has nothing due, or time is up.

        After SIGTERM or SIGINT it begins no further attempt, and notes those that are running.
        """
        left = dict.fromkeys(hooks, MOST_IN_A_ROUND)
        running: dict[Future[Outcome], WebhookDelivery] = {}
        with interrupts.deferred(), ThreadPoolExecutor(len(hooks)) as pool:
            idle = list(hooks)
            while idle or running:
                for hook in idle:
                    if left[hook] and (message := self._claim_next(hook)):
                        left[hook] -= 1
                        running[pool.submit(self._attempt(message))] = message
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                succeeded = [future for future in done if self._note(running[future], future)]
                idle = [running[future].webhook_id for future in succeeded]
                running = {future: each for future, each in running.items() if future not in done}
        return self.sent

    def _now(self) -> datetime:
        return timezone.now() - self._difference

    def _claim_next(self, hook: int) -> WebhookDelivery | None:
        """Claim the next message of the webhook that is due, if time is left for it."""
        if interrupts.is_due or time.monotonic() >= self._ends:
            return None
        return WebhookDelivery.objects.claim_next(hook, self._now())

    def _attempt(self, message: WebhookDelivery) -> Callable[[], Outcome]:
        """Return a function that posts the message; it does not use the database."""
        hook, body, now = message.webhook, message.body, self._now()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "webhook-id": message.header_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": hook.signatures(message.header_id, now, body),
        }
        private = settings.WEBHOOK_PRIVATE_NETWORKS
        return lambda: _outcome(lambda: post(hook.url, body.encode(), headers, private=private))

    def _note(self, message: WebhookDelivery, future: "Future[Outcome]") -> bool:
        """Note the outcome in the database; return whether the receiver has taken the message."""
        now, outcome, hook = self._now(), future.result(), message.webhook
        if not outcome.failure:
            message.note_sent(now)
            hook.note_success()
            self.sent += 1
            return True
        logger.warning("Message %s to webhook %s: %s", message.pk, hook.pk, outcome.failure)
        with transaction.atomic():
            message.note_failure(now, outcome.failure, outcome.retry_after)
            if hook.note_failure(now, outcome.retry_after, outcome.gone):
                logger.warning("Webhook %s is disabled", hook.pk)
                queue_mails(hook)
        return False


def _outcome(send: Callable[[], Answer]) -> Outcome:
    """Return the outcome of a POST. A redirect is a failure, as any status but 2xx is."""
    try:
        answer = send()
    except UrlRefused as refused:
        return Outcome(f"refused: {refused.code}")
    except NoAnswer as failure:
        return Outcome(str(failure))
    except Exception as error:  # one message must not stop the others
        logger.exception("A message of a webhook failed")
        return Outcome(type(error).__name__)
    if 200 <= answer.status < 300:
        return Outcome()
    asked = answer.retry_after if answer.status in WITH_RETRY_AFTER else None
    wait_for = None if asked is None else min(timedelta(seconds=asked), LONGEST_RETRY_AFTER)
    return Outcome(f"HTTP {answer.status}", wait_for, gone=answer.status == GONE)


def delete_old_webhook_messages(at: datetime) -> int:
    """Give up the messages that were not sent in time, delete those of more than 30 days ago."""
    WebhookDelivery.objects.too_late(at).give_up(at, "too late")
    return WebhookDelivery.objects.delete_old(at)
