"""The admin of accounts."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import admin as auth
from django.contrib.auth.forms import (
    AdminPasswordChangeForm,
    AdminUserCreationForm,
    SetUnusablePasswordMixin,
    UserChangeForm,
)
from django.db import transaction
from django.db.models import QuerySet, prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst, format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import AuditEvent, User
from accounts.models.user import ADMINISTRATOR, AccountKept
from accounts.privacy import AllSitesAdminMixin
from accounts.requests import signed_in_user
from extensions.admin.actions import DomainActionAdmin
from extensions.admin.forms import ModelErrorsMixin, PartialUpdateForm

RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


class NewUserForm(ModelErrorsMixin, AdminUserCreationForm):
    """The form that adds an account: address, name and password."""

    class Meta:
        model = User
        fields = ("email", "first_name", "last_name")


class UserForm(PartialUpdateForm, UserChangeForm):
    """The form that changes an account, except the password, which has a page of its own."""

    language = forms.ChoiceField(
        label=capfirst(_("language")),
        required=False,
        choices=lambda: [("", _("that of the clinic")), *settings.LANGUAGES],
        help_text=_("Of the mails and other messages to this account."),
    )

    class Meta:
        model = User
        fields = "__all__"


class NewPasswordForm(AdminPasswordChangeForm):
    """The form with which staff set or remove the password of a user."""

    # Django's, which joins its two sentences before there is a language.
    usable_password_help_text: Any = format_lazy(
        '{}<ul id="id_unusable_warning" class="messagelist"><li class="warning">{}</li></ul>',
        SetUnusablePasswordMixin.usable_password_help_text,
        _("If disabled, the current password for this user will be lost."),
    )

    def save(self, commit: bool = True) -> User:
        """Write the password, delete the user's API tokens and end their sessions."""
        user: User = super().save(commit=False)
        with transaction.atomic():
            user.store_password()
            record_new_credentials(user)
        return user


class MembersFilter(admin.RelatedFieldListFilter):
    """A filter by group. It offers no choice of those without one: they are all patients."""

    @property
    def include_empty_choice(self) -> bool:
        return False

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        """Return the members of the group, each once."""
        rows: Any = super().queryset(request, queryset)
        return queryset.filter(pk__in=rows.order_by().values("pk")) if self.lookup_val else queryset


def record_new_credentials(user: User) -> None:
    """Record for each patient of the account that staff set what opens it, for the access log."""
    AuditEvent.objects.record("change", user, user.patients.all(), role=AuditEvent.Role.STAFF)


@admin.register(User)
class UserAdmin(AllSitesAdminMixin, DomainActionAdmin, auth.UserAdmin):
    """Accounts. Only superusers change those of staff and doctors, and grant staff rights.

    Accounts that work here or did are ended, and not deleted.
    """

    form = UserForm
    add_form = NewUserForm
    change_password_form = NewPasswordForm
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        (_("Name and language"), {"fields": ("first_name", "last_name", "language")}),
        (_("Permissions"), {"fields": ("is_active", *RIGHTS)}),
        (_("Dates"), {"fields": ("email_verified_at", "last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("email", "first_name", "last_name")}),
        (_("Password"), {"fields": ("usable_password", "password1", "password2")}),
    )
    readonly_fields = ("email_verified_at", "last_login", "date_joined")
    list_display = (
        "email",
        "sorted_first_name",
        "sorted_last_name",
        "is_active",
        "is_staff",
        "last_login",
    )
    list_filter = ("is_active", "is_staff", "is_superuser", ("groups", MembersFilter))
    date_hierarchy = "date_joined"
    search_fields = ("email", "first_name", "last_name")
    ordering = ("email",)
    sortable_by = ("email", "sorted_first_name", "sorted_last_name")
    actions = ("end_accounts", "delete_selected")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Return the accounts with their doctors, which say whether an account works here."""
        return super().get_queryset(request).select_related("doctor")

    @admin.display(description=_("first name"), ordering="first_name_key", empty_value="-")
    def sorted_first_name(self, user: User) -> str:
        """Return the first name, sorted without case and accents."""
        return user.first_name

    @admin.display(description=_("last name"), ordering="last_name_key", empty_value="-")
    def sorted_last_name(self, user: User) -> str:
        """Return the last name, sorted without case and accents."""
        return user.last_name

    def name_in_log(self, row: User) -> str:
        return f"account {row.pk}"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the fields that this user only reads: rights, and what would end themselves."""
        fields = super().get_readonly_fields(request, obj)
        if not request.user.is_superuser:
            return (*fields, *RIGHTS)
        own = obj is not None and obj.pk == request.user.pk
        return (*fields, *ADMINISTRATOR) if own else fields

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Return the account with its permissions, which a read-only page lists by their names."""
        user = super().get_object(request, object_id, from_field)
        if user is not None and not request.user.is_superuser:
            prefetch_related_objects([user], "user_permissions__content_type")
        return user

    def revise_row(self, request: HttpRequest, obj: Any, changes: dict[str, Any]) -> None:
        super().revise_row(request, obj, changes)
        if "email" in changes:
            record_new_credentials(obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_manage(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_manage(request, obj) and super().has_delete_permission(request, obj)

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Whether the user may end accounts."""
        return bool(request.user.is_superuser)

    # --- Ended, not deleted ---

    @admin.action(permissions=["end"], description=_("End selected accounts"))
    def end_accounts(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """End all of these accounts, or none if one is the user's own."""
        with transaction.atomic():
            User.objects.end_all(queryset, by=signed_in_user(request))
            for user in queryset:
                self.log_change(request, user, _("Account ended."))
        ended = ngettext("%(number)s ended.", "%(number)s ended.", len(queryset))
        self.message_user(request, ended % {"number": len(queryset)}, messages.SUCCESS)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show or save the form, without a link to delete an account that is kept."""
        kept = object_id.isdecimal() and User.objects.kept().filter(pk=object_id).exists()
        extra_context = {**(extra_context or {}), "show_delete": not kept}
        return super().change_view(request, object_id, form_url, extra_context)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Return what the confirmation page lists: an account that is kept forbids the deletion."""
        rows = list(objs)
        lines, counts, lacking, protected = super().get_deleted_objects(rows, request)
        if lacking:  # the answer is 403 then, unless rows forbid the deletion
            return lines, counts, lacking, []
        kept = User.objects.kept().filter(pk__in=[row.pk for row in rows])
        reasons = [f"{self.row_label(row)}: {AccountKept.message}" for row in kept]
        return lines, counts, lacking, [*protected, *reasons]


def may_manage(request: HttpRequest, user: User | None) -> bool:
    """Whether the user may manage this account at all: superusers alone those that work here."""
    return request.user.is_superuser or user is None or not user.works_here
