"""A channel that hands each message to a provider by HTTP: the example for SMS and push.

Most providers take a POST with a key and answer with an id. For one whose JSON has other names,
write a channel of your own (docs/messages.md).
"""

import hashlib
import http.client
import io
import json
import ssl
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlsplit

from accounts.channels.base import Channel, NotSent, Trouble
from accounts.messages import Message
from extensions.deadline import DeadlineReader, seconds_left, within
from extensions.public_http import seconds_of_retry_after

TIMEOUT = 10.0  # seconds without a byte from the server
LONGEST_CALL = 30.0  # seconds for a whole call
MOST_READ = 64 << 10  # bytes of an answer
LONGEST_WAIT = 3600.0  # seconds that a Retry-After can ask for
# Our key or URL is wrong, or we send too fast: it concerns every message.
CODES_OF_SENDER = frozenset({401, 402, 403, 404, 405, 429})
POSTPONED = frozenset({408, 425})


class HttpChannel(Channel):
    """Sends `{"to", "title", "text", "key"}` as JSON to a URL, with a key as bearer token.

    A 2xx answer means sent; its `id` is the receipt. Redirects are not followed. A message to
    several devices is sent if the provider accepts it for one of them.
    """

    def __init__(self, url: str, key: str = "") -> None:
        self._url, self._key = urlsplit(url), key

    def send(self, message: Message) -> str:
        """Post the message once for each device; return the receipts; raises NotSent."""
        receipts: list[str] = []
        failure: NotSent | None = None
        for to in (message.to, *message.also_to):
            try:
                receipts.append(self._post(message, to))
            except NotSent as error:
                failure = failure or error
                if error.trouble is not Trouble.REFUSED:
                    break
        if failure and not receipts:
            raise failure
        return " ".join(filter(None, receipts))

    def _post(self, message: Message, to: str) -> str:
        key = _key_for(message.key, to)
        body = {"to": to, "title": message.subject, "text": message.text, "key": key}
        path = self._url.path or "/"
        target = f"{path}?{self._url.query}" if self._url.query else path
        with within(LONGEST_CALL), closing(self._connect()) as connection:
            try:
                connection.request("POST", target, json.dumps(body), self._headers(key))
                with connection.getresponse() as answer:
                    return self._receipt(answer)
            except (OSError, http.client.HTTPException) as error:
                raise NotSent(Trouble.MAYBE_AWAY, type(error).__name__) from error
            except ValueError as error:  # a key or URL with other characters; the text may hold it
                raise NotSent(Trouble.SERVER_AWAY, type(error).__name__) from None

    def _connect(self) -> http.client.HTTPConnection:
        """Return an open connection; raises NotSent."""
        host, timeout = self._url.netloc, seconds_left(TIMEOUT)
        made: http.client.HTTPConnection
        try:
            if self._url.scheme == "https":
                context = ssl.create_default_context()
                made = http.client.HTTPSConnection(host, timeout=timeout, context=context)
            else:
                made = http.client.HTTPConnection(host, timeout=timeout)
            made.response_class = DeadlineResponse
            made.connect()
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise NotSent(Trouble.SERVER_AWAY, type(error).__name__) from error
        return made

    def _headers(self, key: str) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return headers

    def _receipt(self, answer: http.client.HTTPResponse) -> str:
        """Return the id in the answer; raises NotSent for every status but 2xx.

        An answer that breaks off after a 2xx status counts as sent too, without an id.
        """
        status = answer.status
        if 200 <= status < 300:
            with suppress(OSError, http.client.HTTPException):
                return _id_in(answer.read(MOST_READ))
            return ""
        wait = seconds_of_retry_after(answer.headers.get("Retry-After")) or 0
        raise NotSent(_trouble_of(status), f"HTTP {status}", min(wait, LONGEST_WAIT))


class DeadlineResponse(http.client.HTTPResponse):
    """An answer that is read within the deadline, even if the server sends byte by byte."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        unbounded, self.fp = self.fp, io.BufferedReader(DeadlineReader(sock, TIMEOUT))
        unbounded.close()


def _key_for(key: str, to: str) -> str:
    """Return the key of the message to one device: a provider takes one call for each key."""
    return hashlib.sha256(f"{key} {to}".encode()).hexdigest()[:32] if key else ""


def _trouble_of(status: int) -> Trouble:
    """Judge a status; a redirect, which is not followed, is a wrong URL."""
    if status in CODES_OF_SENDER or status < 400:
        return Trouble.SERVER_AWAY
    if status in POSTPONED:
        return Trouble.POSTPONED
    return Trouble.REFUSED if status < 500 else Trouble.MAYBE_AWAY


def _id_in(text: bytes) -> str:
    """Return the `id` of a JSON object, or "" if there is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    name = found.get("id") if isinstance(found, dict) else None
    return "" if name is None else str(name)[:100]
