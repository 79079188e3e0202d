"""Serializers of accounts."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers
from rest_framework.fields import get_error_detail

from accounts.fields import EmailField, fold_email, validate_address
from accounts.models import Device, User
from accounts.models.device import MAX_PUSH_TOKEN, UNKNOWN_DEVICE
from accounts.models.user import check_new_password
from extensions.rest.fields import OptionalChoiceField, TextField
from extensions.rest.serializers import (
    TEXT_FIELD_MAPPING,
    ModelSerializer,
    PartialUpdateSerializer,
    Serializer,
)

USER = {
    "id": 7,
    "email": "ana@example.com",
    "first_name": "Ana",
    "last_name": "Ruiz",
    "is_staff": False,
    "doctor": None,
    "date_joined": "2026-11-23T09:30:00Z",
    "language": "es",
}
MAILED, DEMO = "7-d1kx2q-0c5d…", "clinic-demo"  # examples, no secrets
REQUIRED = serializers.Field.default_error_messages["required"]
NAMES = {  # a person with one name has a last name alone
    "first_name": {"required": True, "allow_blank": True},
    "last_name": {"required": True, "allow_blank": False},
}
PASSWORD: dict[str, Any] = {
    "max_length": 4096,
    "trim_whitespace": False,
    "style": {"input_type": "password"},
}


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Another name", {"first_name": "Ana", "last_name": "Ruiz"}, request_only=True
        ),
        OpenApiExample("The user", USER, response_only=True),
    ]
)
class UserSerializer(PartialUpdateSerializer[User]):
    """The caller's own account; only the names and the language can be written."""

    doctor = serializers.PrimaryKeyRelatedField[Any](
        read_only=True, allow_null=True, help_text="The doctor this account belongs to, if any."
    )

    language = OptionalChoiceField(
        choices=settings.LANGUAGES,
        required=False,
        help_text="Of the account's mails; null: the language of the clinic.",
    )

    class Meta:
        model = User
        fields = ("id", "email", "first_name", "last_name", "is_staff", "doctor", "date_joined",
                  "language")  # fmt: skip
        read_only_fields = ("id", "email", "is_staff", "date_joined")
        extra_kwargs = NAMES


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "The session",
            {"user": USER, "token": "9f3c…", "expiry": "2026-12-07T09:30:00Z"},  # nosec B105  # cut
        )
    ]
)
class SessionSerializer(serializers.Serializer[dict[str, Any]]):
    """Who signed in, the token to send from now on, and when it expires unless used."""

    user = UserSerializer(read_only=True)
    token = serializers.CharField(read_only=True)
    expiry = serializers.DateTimeField(read_only=True)


class FoldedEmailField(serializers.EmailField):
    """An e-mail field whose validators see the address as it is stored, after `fold_email`.

    Folding can make an address too long or malformed. `validate_address` sees it as it was sent.
    """

    def to_internal_value(self, data: Any) -> str:
        """Return the address as it is stored; raises ValidationError."""
        email = super().to_internal_value(data)
        try:
            validate_address(email)
        except DjangoValidationError as error:
            raise serializers.ValidationError(get_error_detail(error)) from error
        return fold_email(email)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A new account",
            {
                "email": "ana@example.com",
                "password": "correct horse battery",  # nosec B105  # an example
                "first_name": "Ana",
                "last_name": "Ruiz",
            },
        )
    ]
)
class RegistrationSerializer(ModelSerializer[User]):
    """What a new account needs."""

    serializer_field_mapping = {**TEXT_FIELD_MAPPING, EmailField: FoldedEmailField}

    class Meta:
        model = User
        fields = ("email", "password", "first_name", "last_name")
        extra_kwargs = {
            "password": {"write_only": True, **PASSWORD},
            **NAMES,
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        names = {name: value for name, value in attrs.items() if name != "password"}
        check_new_password(attrs["password"], User(**names), field="password")
        return attrs

    def create(self, validated_data: dict[str, Any]) -> User:
        return User.objects.register(**validated_data)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Sign in",
            {"email": "patient@example.com", "password": "clinic-demo"},  # nosec B105  # the demo's
        )
    ]
)
class LoginSerializer(Serializer):
    """An address and its password."""

    email = TextField(max_length=254)
    password = TextField(**PASSWORD)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Change it",
            {"old_password": "clinic-demo", "new_password": "correct horse battery"},  # nosec B105  # two examples
        )
    ]
)
class PasswordChangeSerializer(Serializer):
    """The current password and the new one."""

    old_password = TextField(**PASSWORD)
    new_password = TextField(**PASSWORD)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_new_password(attrs["new_password"], self.context["request"].user, "new_password")
        return attrs


@extend_schema_serializer(
    examples=[OpenApiExample("By the mailed code", {"token": MAILED}, request_only=True)]
)
class VerificationSerializer(Serializer):
    """The token of the mail. A signed-in user who sends no token asks for the mail again."""

    token = TextField(max_length=200, required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("token") and not self.context["request"].user.is_authenticated:
            raise serializers.ValidationError({"token": REQUIRED}, "required")
        return attrs


@extend_schema_serializer(
    examples=[OpenApiExample("A forgotten password", {"email": "ana@example.com"})]
)
class PasswordResetSerializer(Serializer):
    """The address of the account whose password is forgotten."""

    email = FoldedEmailField(max_length=254)


@extend_schema_serializer(
    examples=[
        OpenApiExample("A new one", {"token": MAILED, "new_password": DEMO}),
    ]
)
class NewPasswordSerializer(Serializer):
    """The token of the mail and the new password."""

    token = TextField(max_length=200)
    new_password = TextField(**PASSWORD)


@extend_schema_serializer(examples=[OpenApiExample("Delete the account", {"password": DEMO})])
class PasswordSerializer(Serializer):
    """The password in use, to show that it is its owner who asks."""

    password = TextField(**PASSWORD)


@extend_schema_serializer(
    examples=[OpenApiExample("Done", {"detail": "Done."}, status_codes=["200", "202"])]
)
class DetailSerializer(serializers.Serializer[Any]):
    """What was done, in a sentence for people."""

    detail = serializers.CharField(read_only=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A phone",
            {
                "id": 12,
                "name": "Clinic/2.1 (Android 15)",
                "created": "2026-11-20T18:02:00Z",
                "last_used": "2026-11-23T09:30:00Z",
                "expiry": "2026-12-07T09:30:00Z",
                "current": True,
            },
        )
    ]
)
class DeviceSerializer(serializers.ModelSerializer[Device]):
    """A device that is signed in; `last_used` is at most an hour behind."""

    created = serializers.DateTimeField(source="token.created", read_only=True)
    last_used = serializers.DateTimeField(source="last_used_at", read_only=True)
    expiry = serializers.DateTimeField(source="token.expiry", read_only=True)
    current = serializers.SerializerMethodField(help_text="Whether it is the one that asks.")

    class Meta:
        model = Device
        fields = ("id", "name", "created", "last_used", "expiry", "current")
        read_only_fields = ("id", "name")

    def to_representation(self, instance: Device) -> dict[str, Any]:
        """Return the device; an unknown one has a name in the caller's language."""
        shown = super().to_representation(instance)
        if instance.name == UNKNOWN_DEVICE:
            shown["name"] = gettext(UNKNOWN_DEVICE)
        return shown

    def get_current(self, device: Device) -> bool:
        return device.token == self.context["request"].auth


@extend_schema_serializer(
    examples=[OpenApiExample("Of an app", {"token": "dQw4w9WgXcQ:APA91b"}, request_only=True)]  # nosec B105  # an example
)
class PushTokenSerializer(Serializer):
    """What the provider of push messages calls the app on the device."""

    token = TextField(
        max_length=MAX_PUSH_TOKEN,
        validators=[RegexValidator(r"^[!-~]+\Z", _("Use visible ASCII characters."))],
    )
