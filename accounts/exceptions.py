"""Errors of signing in, and of staff who send messages again."""

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from extensions.exceptions import DomainError


class CredentialsChanged(Exception):
    """The password changed, or the account was closed, during a login with the old password."""

    def __init__(self) -> None:
        super().__init__(gettext("The account has changed meanwhile. Sign in again."))


class Throttled(Exception):
    """Too many attempts; `wait`: seconds until the next attempt is allowed."""

    def __init__(self, wait: int) -> None:
        self.wait = wait
        sentence = gettext("Too many tries. Try again in %(wait)s seconds.")
        super().__init__(sentence % {"wait": wait})


class NotAboutAVisit(DomainError):
    """Staff do not send a mail of an account again: the owner asks for another one."""

    code = "not_about_a_visit"
    message = _("Only messages about visits are sent again. The person can ask for this one.")


class MessageWaits(DomainError):
    """The message has not been sent yet."""

    code = "message_waits"
    message = _("This message is still to be sent.")


class MessageIsOver(DomainError):
    """What the message says is no longer true, or it reaches its person by no channel."""

    code = "message_is_over"
    message = _("What this message says is no longer true.")


class AlreadySentAgain(DomainError):
    """Another member of staff has sent the message again, or it is not the newest copy."""

    code = "already_sent_again"
    message = _("This message was sent again already.")
