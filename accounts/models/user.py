"""The person who signs in, with an e-mail address as the login name."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from knox.models import AuthToken

from accounts.exceptions import CredentialsChanged
from accounts.fields import EmailField, fold_email
from accounts.models.revisable import Revisable


class UserManager(BaseUserManager["User"]):
    """Makes users; the address is folded, the password hashed."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make a user who may sign in; raises ValueError without an address."""
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=fold_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make a user who may do everything in the admin."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def register(self, **fields: Any) -> "User":
        """Make an account for a stranger; raises ValidationError where the address is taken."""
        try:
            with transaction.atomic():
                return self.create_user(**fields)
        except IntegrityError as error:
            taken = ValidationError("A user with this e-mail address already exists.", "unique")
            raise ValidationError({"email": taken}) from error

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=fold_email(username or ""))

    def lock(self, pk: int | None) -> "User | None":
        """Lock the row until the transaction ends: first in the lock order of people.

        No key is changed under it, so foreign keys to the user are still checked meanwhile.
        """
        return self.select_for_update(no_key=True).filter(pk=pk).first() if pk else None


class User(AbstractBaseUser, PermissionsMixin, Revisable):
    """Somebody with a login: a patient, a doctor or staff."""

    email = EmailField(
        "e-mail",
        unique=True,
        error_messages={"unique": "A user with this e-mail address already exists."},
    )
    first_name = models.CharField(max_length=150, blank=True)
    last_name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(
        "active", default=True, help_text="Take this away instead of deleting an account."
    )
    is_staff = models.BooleanField("staff", default=False, help_text="May open the admin site.")
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ("email",)
        constraints = (
            models.UniqueConstraint(
                Lower("email"),
                name="accounts_user_email_unique_ignoring_case",
                violation_error_code="unique",
                violation_error_message="A user with this e-mail address already exists.",
            ),
        )

    def __str__(self) -> str:
        return self.email

    @property
    def name(self) -> str:
        """First and last name, or the address of somebody who gave none."""
        return f"{self.first_name} {self.last_name}".strip() or self.email

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.first_name or self.email

    def is_staff_with(self, permission: str) -> bool:
        """Whether they are staff and hold the permission: what both admin and API ask for."""
        return self.is_staff and self.has_perm(permission)

    def clean(self) -> None:
        self.email = fold_email(self.email)

    def issue_token(self) -> tuple[str, datetime]:
        """Make a token for one more device; returns it and the instant (UTC) it expires.

        Only its digest is stored, so this is the one time it can be shown. Raises
        CredentialsChanged where the password is no longer the one that this object was loaded
        with: a login that was under way does not outlive a change of password.
        """
        with transaction.atomic():
            user = User.objects.lock(self.pk)
            if user is None or not user.is_active or user.password != self.password:
                raise CredentialsChanged
            AuthToken.objects.filter(user=user, expiry__lte=timezone.now()).delete()
            token, plain = AuthToken.objects.create(user=user)
        return plain, token.expiry

    def change_password(self, old: str, new: str) -> tuple[str, datetime]:
        """Replace the password, end every token of the user and return a fresh one, all at once.

        The row is locked before the old password is checked, so that of several changes at once
        with one old password exactly one wins. Raises ValidationError on `old_password`.
        """
        with transaction.atomic():
            user = User.objects.lock(self.pk)
            if user is None or not user.check_password(old):
                wrong = ValidationError("The old password is not right.", code="invalid")
                raise ValidationError({"old_password": wrong})
            user.set_password(new)
            user.store_password()
            return user.issue_token()

    def store_password(self) -> None:
        """Write the password set on this object, and end every token of the user."""
        with transaction.atomic():
            self.revise(password=self.password)
            AuthToken.objects.filter(user=self).delete()
