"""The account of a person, with an e-mail address as the login name."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth import hashers
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from knox.models import AuthToken

from accounts.exceptions import CredentialsChanged
from accounts.fields import EmailField, fold_email
from accounts.links import PASSWORD_RESET, VERIFICATION, LinkTokenGenerator
from accounts.messages import MailKind
from accounts.models.device import Device, KnownDevice, device_name
from accounts.models.message import OutgoingMessage
from accounts.models.named_users import UserQuerySet
from accounts.passwords import in_nfc
from accounts.privacy import display_name
from accounts.signals import account_ended, logins_ended
from extensions.db.fields import one_line
from extensions.db.models import PartialUpdateModel
from extensions.db.names import (
    FoldedModel,
    FoldedNameField,
    FoldedWordsField,
)
from extensions.exceptions import DomainError

WORKS_HERE = _("Only an administrator can close the account of a doctor or of staff.")
TAKEN = _("A user with this e-mail address already exists.")


class AccountKept(DomainError):
    """The account works here or did, so records name it."""

    code = "account_kept"
    message = _("This account works here or did, and records name it. End the account instead.")


class OwnAccount(DomainError):
    """Administrators do not lock themselves out."""

    code = "own_account"
    message = _("You cannot end your own account. Another administrator can.")


class LastAdministrator(DomainError):
    """The last user who can give rights must stay one."""

    code = "last_administrator"
    message = _("This is the last active administrator. Make another one first.")


ADMINISTRATOR = ("is_active", "is_staff", "is_superuser")


class UserManager(BaseUserManager["User"]):
    """Creates users, and changes them by the tokens of mailed links."""

    _queryset_class = UserQuerySet

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user who may sign in; raises ValueError without an address."""
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=fold_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user who may do everything in the admin."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def register(self, **fields: Any) -> "User":
        """Create an account for a client of the API and queue the mail that verifies its address.

        Raises ValidationError on `email` if the address is taken.
        """
        try:
            with transaction.atomic():
                user = self.create_user(**fields)
                user.send_verification_mail()
                return user
        except IntegrityError as error:
            raise ValidationError({"email": ValidationError(TAKEN, "unique")}) from error

    def verify_email(self, token: str, user_agent: str = "") -> None:
        """Mark the address as verified by the token mailed to it; end all API tokens and sessions.

        Another person may have registered with the address and be signed in. The account knows the
        device from then on: its user reads the owner's mail. Raises ValidationError on
        `token` if it is wrong, used or older than an hour.
        """
        with transaction.atomic():
            user = self._lock_holder(VERIFICATION, token)
            user.revise(email_verified_at=timezone.now())
            user.sign_out_everywhere()
            user.remember_device(user_agent)

    def reset_password(self, token: str, new: str, user_agent: str = "") -> None:
        """Set a new password by a mailed token; delete all API tokens and end all sessions.

        The token proves who reads the mail, so the address is verified by it too, and the account
        knows the device. Locks the row before it checks the token, so that of several calls at once
        one succeeds. Lifts a lock-out after wrong passwords. Raises ValidationError on `token`, or
        on `new_password` for a weak password, which leaves the mailed token unused.
        """
        with transaction.atomic():
            user = self._lock_holder(PASSWORD_RESET, token)
            check_new_password(new, user, "new_password")
            user.set_password(new)
            verified_at = user.email_verified_at or timezone.now()
            user.revise(password=user.password, email_verified_at=verified_at)
            AccessAttempt.objects.filter(username=user.email).delete()
            user.remember_device(user_agent)

    def _lock_holder(self, tokens: LinkTokenGenerator, token: str) -> "User":
        """Lock and return the user of a mailed token; raises ValidationError on `token`."""
        user = self.lock(tokens.user_key(token))
        if user is None or not tokens.is_valid(user, token):
            wrong = ValidationError(
                _("The token is wrong, was used or has expired."), code="invalid"
            )
            raise ValidationError({"token": wrong})
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=fold_email(username or ""))

    def kept(self) -> models.QuerySet["User"]:
        """Return the accounts that are ended and never deleted.

        They are those of staff and doctors, of members of a site, and those with entries in the
        admin's log, which would be deleted with them. Events keep the number and the name of an
        account by themselves.
        """
        logged = Exists(LogEntry.objects.filter(user=OuterRef("pk")))
        member = Q(is_staff=True) | Q(is_superuser=True) | Q(site_memberships__isnull=False)
        found = self.filter(Q(doctor__isnull=False) | member | logged)
        return self.filter(pk__in=found.values("pk"))

    def lock(self, pk: int | None) -> "User | None":
        """Lock the row until the end of the transaction; return it, or None if it is deleted.

        The user comes before doctors, patients and slots in the lock order. The lock does not block
        the foreign-key checks of other transactions (FOR NO KEY UPDATE).
        """
        return self.select_for_update(no_key=True).filter(pk=pk).first() if pk else None

    def lock_with_administrators(self, pks: set[int]) -> set[int]:
        """Lock these rows and those of all active administrators; return the keys of the latter.

        Ascending by key until the transaction ends: two administrators who end each other wait.
        """
        administrators = Q(**dict.fromkeys(ADMINISTRATOR, True))
        rows = self.filter(administrators | Q(pk__in=pks)).order_by("pk")
        locked = list(rows.select_for_update(no_key=True))
        return {row.pk for row in locked if all(getattr(row, name) for name in ADMINISTRATOR)}

    def end_all(self, users: Iterable["User"], by: "User") -> None:
        """End these accounts, as `User.end`, in one transaction: all of them or none.

        One signal `account_ended` names all of them, so that its receiver locks the slots that were
        offered to them in one statement, and two such calls do not deadlock.
        """
        by_key = {user.pk: user for user in users}
        with transaction.atomic():
            self.lock_with_administrators(set(by_key))
            if by.pk in by_key:
                raise OwnAccount
            self.filter(pk__in=by_key).update(is_active=False)
            account_ended.send(sender=User, users=set(by_key), at=timezone.now())
            for _, user in sorted(by_key.items()):
                user.end(by=by)


class User(FoldedModel, AbstractBaseUser, PermissionsMixin, PartialUpdateModel):
    """An account: of a patient, a doctor or a member of staff."""

    email = EmailField(
        _("e-mail"),
        unique=True,
        error_messages={"unique": TAKEN},
    )
    first_name = one_line(150, _("first name"), blank=True)
    last_name = one_line(150, _("last name"), blank=True)
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Take this away instead of deleting an account.")
    )
    email_verified_at = models.DateTimeField(
        _("email verified at"),
        null=True,
        editable=False,
        help_text=_("When its owner followed the link mailed to it, if so."),
    )
    password_changed_at = models.DateTimeField(
        null=True, editable=False, help_text=_("Every link to reset it mailed before is dead.")
    )
    signed_out_at = models.DateTimeField(
        null=True, editable=False, help_text=_("Every session that began before is dead.")
    )
    is_staff = models.BooleanField(
        _("staff"), default=False, help_text=_("May open the admin site.")
    )
    language = models.CharField(_("language"), max_length=10, blank=True, default="", db_default="")
    date_joined = models.DateTimeField(_("date joined"), default=timezone.now, editable=False)

    last_name_key = FoldedNameField(("last_name",))
    first_name_key = FoldedNameField(("first_name",))
    search_words = FoldedWordsField(("last_name", "first_name"))

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ("email",)
        indexes = (
            models.Index(fields=["last_name_key", "email"], name="accounts_user_last_name"),
            models.Index(fields=["first_name_key", "email"], name="accounts_user_first_name"),
            models.Index(fields=["date_joined", "id"], name="accounts_user_joined"),
            models.Index(fields=["email"], condition=Q(is_staff=True), name="accounts_user_staff"),
            models.Index(
                fields=["email"], condition=Q(is_superuser=True), name="accounts_user_superusers"
            ),
            models.Index(
                fields=["email"], condition=Q(is_active=False), name="accounts_user_inactive"
            ),
        )
        constraints = (
            models.UniqueConstraint(
                Lower("email"),
                name="accounts_user_email_unique_ignoring_case",
                violation_error_code="unique",
                violation_error_message=TAKEN,
            ),
        )

    def __str__(self) -> str:
        return self.email

    @property
    def full_name(self) -> str:
        """First and last name; empty where both are."""
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def public_name(self) -> str:
        """The name for those who may not view accounts: never the e-mail address."""
        return display_name(self.pk, None, self)

    @property
    def name(self) -> str:
        """First and last name; the e-mail address where both are empty."""
        return self.full_name or self.email

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.first_name or self.email

    def is_staff_with(self, permission: str) -> bool:
        """Whether they are staff and hold the permission, as both admin and API require."""
        return self.is_staff and self.has_perm(permission)

    @property
    def may_open_admin(self) -> bool:
        """Whether the user may sign in at the admin, a second factor aside.

        They are staff, or hold one of ADMIN_PERMISSIONS: doctors see their own day there, and hold
        no permission for any model.
        """
        others = settings.ADMIN_PERMISSIONS
        return self.is_active and (self.is_staff or any(map(self.has_perm, others)))

    @cached_property
    def sites(self) -> frozenset[int] | None:
        """The keys of the locations whose rows this member of staff sees; None for all locations.

        None for superusers, for users with `doctor.view_all_sites`, and while no `SiteStaff` exists
        at all. One query for each request, as Django's permissions.
        """
        if not self.is_staff:
            return frozenset()
        if self.has_perm("doctor.view_all_sites"):
            return None
        memberships: Any = self.site_memberships
        found: frozenset[int] | None = memberships.sites_of(self.pk)
        return found

    def works_at(self, location: int | None) -> bool:
        """Whether this member of staff sees the rows of the location with that key."""
        return self.sites is None or location in self.sites

    def clean(self) -> None:
        self.email = fold_email(self.email)

    def set_password(self, raw_password: str | None) -> None:
        """Hash the password in NFC; None makes it unusable."""
        super().set_password(raw_password and in_nfc(raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        """Whether it is the password, compared in NFC.

        A hash of the form as typed, which an earlier version made, still serves; a hash of NFC then
        replaces it. A password that is typed in another form than NFC costs two hashes, whether or
        not an account has the address.
        """
        if raw_password is None:
            return False
        normal = in_nfc(raw_password)
        if hashers.check_password(normal, self.password, self._rehash):
            return True
        if normal == raw_password or not hashers.check_password(raw_password, self.password):
            return False
        self._rehash(normal)
        return True

    def _rehash(self, password: str) -> None:
        """Replace the hash by another one of the same password, unless it has just been changed."""
        renewed = hashers.make_password(password)
        if User.objects.filter(pk=self.pk, password=self.password).update(password=renewed):
            self.password = renewed

    @property
    def has_verified_email(self) -> bool:
        """Whether its owner followed a link that was mailed to the present address."""
        return self.email_verified_at is not None

    @property
    def works_here(self) -> bool:
        """Whether the user is staff or a doctor, whose account only an administrator may change.

        An account that was ended counts too: it may be opened again.
        """
        if self.is_staff or self.is_superuser or hasattr(self, "doctor"):
            return True
        return self.pk is not None and self.site_memberships.exists()

    def issue_token(self, user_agent: str = "") -> tuple[str, datetime]:
        """Create an API token for one more device; return it and the instant (UTC) of its expiry.

        Only its digest is stored, so it cannot be shown again. Raises CredentialsChanged if the
        account is inactive or deleted, or if its password is no longer the one that this object was
        loaded with: a login that began before a change of password fails.
        """
        with transaction.atomic():
            user = User.objects.lock(self.pk)
            if user is None or not user.is_active or user.password != self.password:
                raise CredentialsChanged
            AuthToken.objects.filter(user=user, expiry__lte=timezone.now()).delete()
            token, plain = AuthToken.objects.create(user=user)
            Device.objects.create(token=token, name=device_name(user_agent))
        return plain, token.expiry

    def change_password(self, old: str, new: str, user_agent: str = "") -> tuple[str, datetime]:
        """Replace the password, delete all API tokens, end all sessions, and issue a new token.

        Returns the token and the instant (UTC) of its expiry. Locks the row before it checks the
        old password, so that of several calls at once exactly one succeeds. Raises ValidationError
        on `old_password` if it is wrong.
        """
        with transaction.atomic():
            user = self._lock_by_password(old, "old_password", _("The old password is wrong."))
            user.set_password(new)
            user.store_password()
            return user.issue_token(user_agent)

    def store_password(self) -> None:
        """Write the `password` set on this object, delete all API tokens and end all sessions."""
        self.revise(password=self.password)

    def revise(self, **changes: Any) -> None:
        """Write these columns; a new `email` is unverified, and gets the mail that verifies it.

        The present address in other capitals is not new. A new password or `is_active=False`
        deletes all API tokens of the user and ends all sessions in the same transaction; the latter
        sends `account_ended` too. A new password or address queues a notice to the owner. Raises
        LastAdministrator if no other active superuser who is staff would be left.
        """
        with transaction.atomic():
            takes_rank = any(changes.get(name) is False for name in ADMINISTRATOR)
            if takes_rank and User.objects.lock_with_administrators({self.pk}) == {self.pk}:
                raise LastAdministrator
            is_notable = "email" in changes or "password" in changes
            before = User.objects.lock(self.pk) if is_notable else None
            if before and fold_email(changes.get("email", before.email)) != before.email:
                changes["email_verified_at"] = None
            if "password" in changes:
                changes["password_changed_at"] = timezone.now()
            ends = "password" in changes or changes.get("is_active") is False
            super().revise(**changes, **({"signed_out_at": timezone.now()} if ends else {}))
            if ends:
                self._end_logins()
            if changes.get("is_active") is False:
                account_ended.send(sender=User, users={self.pk}, at=timezone.now())
            if before:
                self._tell_of_change(before)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the row; delete all API tokens if a password was set or the account is inactive.

        `save` does this as well as `revise`, since Django's own forms and its command
        `changepassword` call `save`. The owner gets a notice of a new password.
        """
        with transaction.atomic():
            password_was_set = getattr(self, "_password", None) is not None
            ends = (password_was_set or not self.is_active) and not self._state.adding
            before = User.objects.lock(self.pk) if ends and password_was_set else None
            if before:
                self.password_changed_at = timezone.now()
                if kwargs.get("update_fields") is not None:
                    kwargs["update_fields"] = {*kwargs["update_fields"], "password_changed_at"}
            super().save(*args, **kwargs)
            if ends:
                self._end_logins()
            if ends and not self.is_active:
                account_ended.send(sender=User, users={self.pk}, at=timezone.now())
            if before:
                self._tell_of_change(before)

    def _end_logins(self) -> None:
        """Delete all API tokens, and what else opens the account's data. The row is locked."""
        AuthToken.objects.filter(user=self).delete()
        logins_ended.send(sender=User, user=self.pk)

    def _tell_of_change(self, before: "User") -> None:
        """Queue the notices of a new password or address, to the address `before` the change.

        Only a verified address gets one: an unverified one may be a stranger's.
        """
        if self.password != before.password and (
            before.has_verified_email or self.has_verified_email
        ):
            OutgoingMessage.objects.enqueue(MailKind.PASSWORD_CHANGED, before.email, self)
        if fold_email(self.email) != before.email:
            if before.has_verified_email:
                OutgoingMessage.objects.enqueue(MailKind.ADDRESS_CHANGED, before.email, self)
            self.send_verification_mail()

    def remember_device(self, user_agent: str) -> bool:
        """Remember the device; return whether the account did not know it.

        The caller holds the lock of the row.
        """
        return KnownDevice.objects.remember(self, device_name(user_agent))

    def note_sign_in(self, user_agent: str) -> None:
        """Remember the device that signed in; mail the owner if the account did not know it.

        An account whose address is not verified gets no mail, and its devices are not remembered.
        """
        if not self.has_verified_email:
            return
        with transaction.atomic():
            user = User.objects.lock(self.pk)
            if user and user.remember_device(user_agent):
                OutgoingMessage.objects.enqueue(MailKind.NEW_DEVICE, user.email, user)

    def _get_session_auth_hash(self, secret: Any = None) -> str:
        """Return the hash that a session must hold; Django ends a session with another hash.

        A new `password` or `signed_out_at` changes it, which ends all earlier sessions.
        """
        of_password: str = super()._get_session_auth_hash(secret=secret)  # type: ignore[misc]
        if self.signed_out_at is None:
            return of_password
        since = f"{of_password}{self.signed_out_at.timestamp()}"
        return salted_hmac(
            "accounts.sessions", since, secret=secret, algorithm="sha256"
        ).hexdigest()

    def sign_out_everywhere(self) -> None:
        """Delete all API tokens of the user and end all sessions."""
        with transaction.atomic():
            self.revise(signed_out_at=timezone.now())
            self._end_logins()

    def send_verification_mail(self) -> None:
        """Queue the mail that verifies the address; a verified address gets none."""
        OutgoingMessage.objects.enqueue(MailKind.VERIFICATION, self.email)

    def end(self, by: "User") -> None:
        """End the account: it opens nothing any more, and stays, so that records name who acted.

        Deletes all API tokens and ends all sessions. Raises OwnAccount if it is that of `by`.
        """
        if self.pk == by.pk:
            raise OwnAccount
        self.revise(is_active=False)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the account. Raises AccountKept for one of `UserManager.kept`."""
        with transaction.atomic():
            if User.objects.kept().filter(pk=self.pk).exists():
                raise AccountKept
            return super().delete(*args, **kwargs)

    def close(self, password: str) -> None:
        """Erase the user's patients (own profile and dependents), then delete the account.

        Deletes its mails and failed logins too. Locks the user, then all patients and their slots.
        Raises ValidationError on `password` if it is wrong, and PermissionDenied for staff and
        doctors, and for those who have worked here and whose account is kept.
        """
        with transaction.atomic():
            user = self._lock_by_password(password, "password", _("The password is wrong."))
            if User.objects.kept().filter(pk=user.pk).exists():
                raise PermissionDenied(WORKS_HERE)
            user.patients.erase_all(by=user)
            OutgoingMessage.objects.about(user).delete()
            AccessAttempt.objects.filter(username=user.email).delete()
            user.delete()

    def _lock_by_password(self, password: str, field: str, sentence: Any) -> "User":
        """Return the locked row; raises ValidationError on the field for a wrong password."""
        user = User.objects.lock(self.pk)
        if user is None or not user.check_password(password):
            raise ValidationError({field: ValidationError(sentence, code="invalid")})
        return user


def check_new_password(password: str, user: User, field: str) -> None:
    """Check a new password; raises ValidationError on the field if a validator refuses it."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({field: error.error_list}) from error
