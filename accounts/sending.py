"""Sends the messages of the queue, in rounds; any number of processes may do so at once.

A message is sent twice only if the process dies, or the server falls silent, between the server's
yes and the note of it. A database that is away at that moment is waited for. The key of a message
is the same at both tries: the Message-ID of a mail tells the second one from the first.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic, sleep

from django.db import Error, connections
from django.utils import timezone

from accounts.channels import NotSent, OpenChannels, Trouble, is_on
from accounts.messages import AS_CHOSEN, EMAIL, OFF, Message, PutOff, Unreachable, kinds
from accounts.models.message import OutgoingMessage, Turns
from extensions.db.retry import is_outage
from extensions.deadline import within
from extensions.interrupts import deferred

logger = logging.getLogger(__name__)

BATCH_SIZE = 100
ROUND_SECONDS = 20.0  # no message begins later in a round, for which the process's other jobs wait
MESSAGE_SECONDS = 120.0  # that one `send` may take; less than the lease of a message
MAX_TRIES = 20  # a day has 11 doubled waits, and each new request for the mail adds a try
MAX_FAULTS = 5  # tries of a message that cannot be made
MAX_PER_HOUR = 10  # tries at one address: enough to reach its owner, too few to flood the mailbox
PUT_OFF = timedelta(minutes=10)  # of a mail to an address that had MAX_PER_HOUR tries
NOTE_PAUSE = 1.0  # seconds before another attempt to note a sent message, if the database is away
AWAY_PAUSE = timedelta(seconds=5)  # until a server that was away is asked again
SLOW_PAUSE = timedelta(minutes=1)  # until a domain that fails slowly is asked again
KEPT_ABOUT_VISITS = timedelta(days=90)  # messages, after they were sent or given up
KEPT_OF_ACCOUNTS = timedelta(days=7)


class Round:
    """One round: for ROUND_SECONDS, at most BATCH_SIZE messages, none by a channel that is away.

    A channel is away if it gets no connection, or if its server ends the session at two messages
    in a row: after the first of them that message alone is tried later.
    """

    def __init__(self, at: datetime) -> None:
        self._difference = timezone.now() - at
        self.at = at  # when the current message was claimed
        self._turns = Turns()
        self._last: dict[str, Trouble | None] = {}
        self.away: set[str] = set()
        self.sent = 0

    @property
    def now(self) -> datetime:
        """The present by the caller's clock, so that the round finds what is queued during it."""
        return timezone.now() - self._difference

    def run(self) -> int:
        """Send what is due; return how many messages were sent."""
        OutgoingMessage.objects.delete_unaddressed(self.now)
        ends_at = monotonic() + ROUND_SECONDS
        with OpenChannels() as channels:
            for _ in range(BATCH_SIZE):
                if monotonic() >= ends_at:
                    break
                with deferred():
                    self.at = self.now
                    row = OutgoingMessage.objects.claim_next(self.at, self._turns, self.away)
                    if row is None:
                        break
                    self._try(row, channels)
        return self.sent

    def _try(self, row: OutgoingMessage, channels: OpenChannels) -> None:
        """Send the claimed message, or note why not; raises the error of a database outage."""
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
        """Send the message, or delete it if there is no reason for it any more.

        Raises NotSent, Unreachable, and PutOff if its kind says so, its address had MAX_PER_HOUR
        tries, its channel is away, or its domain fails slowly.
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
        """Give the row its channel, and queue rows for others; return whether to send the row.

        Raises Unreachable if every channel that the person has chosen is off.
        """
        wanted = kinds()[row.kind].channels(row, self.at)
        names = [name for name in wanted if is_on(name)]
        if wanted and not names:
            raise Unreachable(", ".join(OFF[name] for name in wanted))
        return row.choose_channels(names, self.at)

    def _send(self, row: OutgoingMessage, message: Message, channels: OpenChannels) -> None:
        if not row.is_safe(self.now, MESSAGE_SECONDS):
            return  # the process stood still, and the lease may end during the send
        began = monotonic()
        try:
            with within(MESSAGE_SECONDS):
                receipt = channels[row.channel].send(message)
        except NotSent:
            if message.channel == EMAIL:
                self._turns.note_failure(message.to, monotonic() - began)
            raise
        self._note_sent(row, receipt)
        self.sent += 1
        self._last[row.channel] = None

    def _note_sent(self, row: OutgoingMessage, receipt: str) -> None:
        """Note that the message was sent; while the database is away, try until the lease ends."""
        while True:
            try:
                row.note_sent(receipt)
            except Error as error:
                if not is_outage(error) or not row.is_safe(self.now, NOTE_PAUSE):
                    raise
                connections.close_all()
                sleep(NOTE_PAUSE)
            else:
                return

    def _note(self, row: OutgoingMessage, failure: NotSent) -> None:
        """Note a failure of the message, and whether its channel is away by now."""
        logger.warning("Message %s was not sent: %s", row.pk, failure)
        is_final = failure.trouble is Trouble.REFUSED or row.attempts + 1 >= MAX_TRIES
        earliest = self.now + timedelta(seconds=failure.wait)
        row.note_failure(str(failure), max(row.next_try(self.at), earliest), is_final)
        before = self._last.get(row.channel)
        self._last[row.channel] = failure.trouble
        maybe = before is failure.trouble is Trouble.MAYBE_AWAY
        if failure.trouble is Trouble.SERVER_AWAY or maybe:
            self.away.add(row.channel)


def send_due(at: datetime) -> int:
    """Send the messages that are due, a hundred tries at most; return how many were sent.

    `at`: the present. The log of a failure holds no address and no token.
    """
    return Round(at).run()


def sender_with_pauses() -> Callable[[datetime], int]:
    """Return `send_due` for a process that calls it every second.

    After a round in which a server was away, it does nothing for AWAY_PAUSE.
    """
    resumes_at = 0.0

    def send(at: datetime) -> int:
        nonlocal resumes_at
        if monotonic() < resumes_at:
            return 0
        sending = Round(at)
        sent = sending.run()
        resumes_at = monotonic() + AWAY_PAUSE.total_seconds() if sending.away else 0.0
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
