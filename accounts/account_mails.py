"""The mails of accounts: to confirm an address, to choose a password, and notices to the owner."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.template.loader import render_to_string

from accounts.links import PASSWORD_RESET, VERIFICATION, LinkTokenGenerator
from accounts.messages import EMAIL, MailKind, Message, MessageKind


class AccountMail(MessageKind):
    """A mail to the account of an address, or to one that a notice is about.

    `page`: the name of its template, and of the client's page that a link opens. `tokens`: the
    maker of the link's token, if it has one.
    """

    is_urgent = True
    is_limited = True

    def __init__(
        self, name: MailKind, subject: str, page: str, tokens: LinkTokenGenerator | None = None
    ) -> None:
        self.name, self.subject, self.page, self.tokens = str(name), subject, page, tokens

    def compose(self, row: Any, at: datetime) -> Message | None:
        """Return the mail that the account needs now.

        None for an unknown or inactive account, and a verified one that asked to be verified.
        """
        users = get_user_model().objects.filter(is_active=True)
        holder = {"pk": row.user_id} if row.user_id else {"email": row.address}
        user: Any = users.filter(**holder).first()
        if user is None or (self.name == MailKind.VERIFICATION and user.email_verified_at):
            return None
        token = self.tokens and self.tokens.make(user)
        link = settings.LINK_URL and f"{settings.LINK_URL}/{self.page}#token={token}"
        context = {"link": link, "token": token, "at": row.created_at}
        text = render_to_string(f"accounts/mail/{self.page}.txt", context)
        return Message(EMAIL, row.address, self.subject, text)


KINDS = (
    AccountMail(MailKind.VERIFICATION, "Confirm your e-mail address", "verify-email", VERIFICATION),
    AccountMail(MailKind.PASSWORD_RESET, "Choose a new password", "password-reset", PASSWORD_RESET),
    AccountMail(MailKind.PASSWORD_CHANGED, "Your password was changed", "password-changed"),
    AccountMail(MailKind.NEW_DEVICE, "A new device signed in to your account", "new-device"),
    AccountMail(MailKind.ADDRESS_CHANGED, "Your e-mail address was changed", "address-changed"),
)
