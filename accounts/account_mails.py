"""The mails of accounts: to confirm an address, to choose a password, and notices to the owner."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import translation
from django.utils.translation import gettext

from accounts.languages import first_supported
from accounts.letters import Letter
from accounts.links import PASSWORD_RESET, VERIFICATION, LinkTokenGenerator
from accounts.messages import MailKind, Message, MessageKind
from extensions.formats import instant_text


class AccountMail(MessageKind):
    """A mail to the account of an address, or to one that a notice is about.

    `write`: returns the letter for the instant at which it was queued. `page`: the name of the
    client's page that a link opens. `tokens`: the maker of the link's token, if it has one.
    """

    is_urgent = True
    is_limited = True

    def __init__(
        self,
        name: MailKind,
        write: Callable[[str], Letter],
        page: str = "",
        tokens: LinkTokenGenerator | None = None,
    ) -> None:
        self.name, self.write, self.page, self.tokens = str(name), write, page, tokens

    def compose(self, row: Any, at: datetime) -> Message | None:
        """Return the mail that the account needs now, in the account's language.

        None for an unknown or inactive account, and a verified one that asked to be verified.
        """
        users = get_user_model().objects.filter(is_active=True)
        holder = {"pk": row.user_id} if row.user_id else {"email": row.address}
        user: Any = users.filter(**holder).first()
        if user is None or (self.name == MailKind.VERIFICATION and user.email_verified_at):
            return None
        token = self.tokens.make(user) if self.tokens else ""
        link = f"{settings.LINK_URL}/{self.page}#token={token}" if settings.LINK_URL else ""
        with translation.override(first_supported(user.language)):
            letter = self.write(instant_text(row.created_at, UTC))
            if token:
                letter = replace(letter, link=link, code=token)
                if not link:
                    letter = replace(letter, before_code=gettext("Paste this code in the app:"))
            return letter.as_mail(row.address)


def _verification(when: str) -> Letter:
    return Letter(
        subject=gettext("Confirm your e-mail address"),
        heading=gettext("Confirm your e-mail address"),
        paragraphs=(
            gettext(
                "This e-mail address was given for an account at the clinic. Confirm that it is "
                "yours."
            ),
        ),
        button=gettext("Confirm the address"),
        before_code=gettext("Or paste this code where the app asks for it:"),
        notes=(
            gettext(
                "The code is valid for one hour. Confirming signs out every device: sign in again "
                "with your password."
            ),
            gettext(
                "If you did not make this account, do not confirm it: another person knows its "
                "password. Nothing changes if you do nothing. If you want the account, ask for a "
                "new password instead."
            ),
        ),
    )


def _password_reset(when: str) -> Letter:
    return Letter(
        subject=gettext("Choose a new password"),
        heading=gettext("Choose a new password"),
        paragraphs=(
            gettext(
                "We were asked for a new password for the account at the clinic with this e-mail "
                "address."
            ),
        ),
        button=gettext("Choose the password"),
        before_code=gettext("Or paste this code where the app asks for it:"),
        notes=(
            gettext(
                "The code is valid for one hour and works once. It also confirms that this address "
                "is yours. Every device will be signed out."
            ),
            gettext("If this was not you, do nothing: the password stays as it is."),
        ),
    )


def _password_changed(when: str) -> Letter:
    return Letter(
        subject=gettext("Your password was changed"),
        heading=gettext("Your password was changed"),
        paragraphs=(
            gettext(
                "The password of your account at the clinic was changed. Every device was signed "
                "out."
            ),
        ),
        facts=_when(when),
        notes=(
            gettext("If this was you, there is nothing to do."),
            gettext(
                "If it was not, ask for a new password at once (“forgotten password” in the app): "
                "its mail comes to this address. Then tell the clinic."
            ),
        ),
    )


def _new_device(when: str) -> Letter:
    return Letter(
        subject=gettext("A new device signed in to your account"),
        heading=gettext("A new device signed in to your account"),
        paragraphs=(
            gettext(
                "A device signed in that your account at the clinic did not know. An app or a "
                "browser counts as another device after an update too."
            ),
        ),
        facts=_when(when),
        notes=(
            gettext("If this was you, there is nothing to do."),
            gettext(
                "If it was not, another person knows your password. Ask for a new one at once "
                "(“forgotten password” in the app): that signs out every device. Then tell the "
                "clinic."
            ),
        ),
    )


def _address_changed(when: str) -> Letter:
    return Letter(
        subject=gettext("Your e-mail address was changed"),
        heading=gettext("Your e-mail address was changed"),
        paragraphs=(
            gettext(
                "Your account at the clinic has another e-mail address. Its mails, those for a new "
                "password too, no longer come to this one."
            ),
        ),
        facts=_when(when),
        notes=(
            gettext("If you asked for this, there is nothing to do."),
            gettext("If you did not, call the clinic at once."),
        ),
    )


def _when(when: str) -> tuple[tuple[str, list[str]], ...]:
    return ((gettext("When"), [when]),)


KINDS = (
    AccountMail(MailKind.VERIFICATION, _verification, "verify-email", VERIFICATION),
    AccountMail(MailKind.PASSWORD_RESET, _password_reset, "password-reset", PASSWORD_RESET),
    AccountMail(MailKind.PASSWORD_CHANGED, _password_changed),
    AccountMail(MailKind.NEW_DEVICE, _new_device),
    AccountMail(MailKind.ADDRESS_CHANGED, _address_changed),
)
