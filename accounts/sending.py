"""Sends the messages of the queue, in rounds; any number of processes may do so at once.

A message is sent twice only if the process dies, or the server falls silent, between the server's
yes and the note of it. Its key is the same at both tries: the Message-ID of a mail tells the second
one from the first.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from django.utils import timezone

from accounts.channels import NotSent, OpenChannels, Trouble, is_on
from accounts.messages import AS_CHOSEN, EMAIL, OFF, Message, PutOff, Unreachable, kinds
from accounts.models.message import OutgoingMessage, Turns
from extensions.db.retry import is_outage
from extensions.deadline import within
from extensions.interrupts import deferred

logger = logging.getLogger(__name__)

BATCH_SIZE = 100
# Of a whole dialogue with a server; with the connecting before it, less than the lease.
MESSAGE_SECONDS = 120.0
MAX_TRIES = 20  # the doubled waits allow 11 in a day, and whoever asks again allows one more
MAX_FAULTS = 5  # tries of a message that cannot be made
MAX_PER_HOUR = 10  # tries at one address: enough to reach its owner, too few to flood the mailbox
PUT_OFF = timedelta(minutes=10)  # a mail of which the hour has had its ten tries
AWAY_PAUSE = timedelta(seconds=5)  # until a server that was away is asked again
SLOW_PAUSE = timedelta(minutes=1)  # until a domain that fails slowly is asked again
KEPT_ABOUT_VISITS = timedelta(days=90)  # messages, after they were sent or given up
KEPT_OF_ACCOUNTS = timedelta(days=7)


class Round:
    """One round: at most BATCH_SIZE messages, until each server that they need is away.

    A channel is away without a connection, or if its server ends the session over two messages in
    a row; over one, that message alone is put off.
    """

    def __init__(self, at: datetime) -> None:
        self._difference = timezone.now() - at
        self.at = at  # when the message at hand was claimed
        self._turns = Turns()
        self._last: dict[str, Trouble | None] = {}
        self.away: set[str] = set()
        self.sent = 0

    @property
    def now(self) -> datetime:
        """The present, by the clock of the caller: a mail queued during the round is seen."""
        return timezone.now() - self._difference

    def run(self) -> int:
        """Send what is due; return how many messages were sent."""
        OutgoingMessage.objects.delete_unaddressed(self.now)
        with OpenChannels() as channels:
            for _ in range(BATCH_SIZE):
                with deferred():
                    self.at = self.now
                    row = OutgoingMessage.objects.claim_next(self.at, self._turns, self.away)
                    if row is None:
                        break
                    self._try(row, channels)
        return self.sent

    def _try(self, row: OutgoingMessage, channels: OpenChannels) -> None:
        """Send the claimed message, or note why not. Raises the errors of a database away."""
        if row.address:
            self._turns.note(row.address)
        try:
            self._deliver(row, channels)
        except PutOff as later:
            row.put_off(later.until)
        except Unreachable as reason:
            row.note_failure(str(reason), self.at, is_final=True)
        except NotSent as failure:
            self._note(row, failure)
        except Exception as error:
            if is_outage(error):
                raise
            logger.exception("Message %s could not be made or sent", row.pk)
            is_final = row.attempts + 1 >= MAX_FAULTS
            row.note_failure(type(error).__name__, row.next_try(self.at), is_final)

    def _deliver(self, row: OutgoingMessage, channels: OpenChannels) -> None:
        """Send the message; delete it instead if there is no reason for it any more.

        Raises NotSent, Unreachable, and PutOff for what is to be sent later, which is no try: where
        its kind says so, its address had ten tries within the hour, or its server is away.
        """
        kind, at = kinds()[row.kind], self.at
        if row.channel == AS_CHOSEN and not self._choose(row):
            return
        if not is_on(row.channel):
            raise Unreachable(OFF[row.channel])
        if row.channel in self.away:
            raise PutOff(at + AWAY_PAUSE)
        message = kind.compose(row, at)
        if message is None:
            row.claimed().delete()
            return
        if kind.is_limited and row.tries_within_hour(at) >= MAX_PER_HOUR:
            raise PutOff(at + PUT_OFF)
        if not row.address and message.channel == EMAIL and self._turns.is_slow(message.to):
            raise PutOff(at + SLOW_PAUSE)
        self._send(row, replace(message, key=row.key), channels)

    def _choose(self, row: OutgoingMessage) -> bool:
        """Choose the channels of a row; return whether there is still something to send by it."""
        wanted = kinds()[row.kind].channels(row, self.at)
        names = [name for name in wanted if is_on(name)]
        if wanted and not names:
            raise Unreachable(", ".join(OFF[name] for name in wanted))
        return row.choose_channels(names, self.at)

    def _send(self, row: OutgoingMessage, message: Message, channels: OpenChannels) -> None:
        if not row.is_safe(self.now, MESSAGE_SECONDS):
            return  # the process stood still: another one may send it when the lease ends
        began = time.monotonic()
        try:
            with within(MESSAGE_SECONDS):
                receipt = channels[row.channel].send(message)
        except NotSent:
            if message.channel == EMAIL:
                self._turns.note_failure(message.to, time.monotonic() - began)
            raise
        row.note_sent(receipt)
        self.sent += 1
        self._last[row.channel] = None

    def _note(self, row: OutgoingMessage, failure: NotSent) -> None:
        """Note a failure; give up what will never be accepted."""
        logger.warning("Message %s was not sent: %s", row.pk, failure)
        is_final = failure.trouble is Trouble.REFUSED or row.attempts + 1 >= MAX_TRIES
        earliest = self.now + timedelta(seconds=failure.wait)
        row.note_failure(str(failure), max(row.next_try(self.at), earliest), is_final)
        before = self._last.get(row.channel)
        self._last[row.channel] = failure.trouble
        maybe = before is failure.trouble is Trouble.MAYBE_AWAY
        if failure.trouble is Trouble.SERVER_AWAY or maybe:
            self.away |= {row.channel, AS_CHOSEN} if row.channel == EMAIL else {row.channel}


def send_due(at: datetime) -> int:
    """Send the messages that are due, a hundred tries at most; return how many were sent.

    `at`: the present. The log of a failure holds no address and no token.
    """
    return Round(at).run()


def patient_sender() -> Callable[[datetime], int]:
    """Return `send_due` for a process that calls it every second.

    After a round in which a server was away, it does nothing for AWAY_PAUSE.
    """
    resumes_at: datetime | None = None

    def send(at: datetime) -> int:
        nonlocal resumes_at
        if resumes_at is not None and at < resumes_at:
            return 0
        sending = Round(at)
        sent = sending.run()
        resumes_at = sending.now + AWAY_PAUSE if sending.away else None
        return sent

    return send


def delete_old_messages(at: datetime) -> int:
    """Give up the messages that are too late, and delete old ones; return how many were deleted.

    Those about visits are kept for 90 days after they were sent or given up, mails of accounts
    for a week. One that is still to be sent is never deleted.
    """
    messages = OutgoingMessage.objects
    messages.all().mark_too_late(at)
    old = messages.ended(at - KEPT_ABOUT_VISITS).delete_in_batches()
    return old + messages.ended(at - KEPT_OF_ACCOUNTS).filter(object_id=None).delete_in_batches()
