"""The shape of accounts in the API."""

from typing import Any, TypeVar

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from accounts.fields import EmailField, fold_email
from accounts.models import Revisable, User

USER = {
    "id": 7,
    "email": "ana@example.com",
    "first_name": "Ana",
    "last_name": "Ruiz",
    "is_staff": False,
    "doctor": None,
    "date_joined": "2026-11-23T09:30:00Z",
}
Row = TypeVar("Row", bound=Revisable)
PASSWORD: dict[str, Any] = {
    "max_length": 4096,
    "trim_whitespace": False,
    "style": {"input_type": "password"},
}


class RevisingSerializer(serializers.ModelSerializer[Row]):
    """Writes only the columns that were sent, so that writers of others lose nothing."""

    def update(self, instance: Row, validated_data: dict[str, Any]) -> Row:
        instance.revise(**validated_data)
        return instance


@extend_schema_serializer(examples=[OpenApiExample("The user", USER)])
class UserSerializer(RevisingSerializer[User]):
    """The caller's own account; only the names can be written."""

    doctor = serializers.PrimaryKeyRelatedField[Any](
        read_only=True, allow_null=True, help_text="The doctor this account belongs to, if any."
    )

    class Meta:
        model = User
        fields = ("id", "email", "first_name", "last_name", "is_staff", "doctor", "date_joined")
        read_only_fields = ("id", "email", "is_staff", "date_joined")
        extra_kwargs = {
            name: {"required": True, "allow_blank": False} for name in ("first_name", "last_name")
        }


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
    """An address, judged in the spelling that is stored: folding can make it longer, or none."""

    def to_internal_value(self, data: Any) -> str:
        return fold_email(super().to_internal_value(data))


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
class RegistrationSerializer(serializers.ModelSerializer[User]):
    """What a new account needs."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        EmailField: FoldedEmailField,
    }

    class Meta:
        model = User
        fields = ("email", "password", "first_name", "last_name")
        extra_kwargs = {
            "password": {"write_only": True, **PASSWORD},
            "first_name": {"required": True, "allow_blank": False},
            "last_name": {"required": True, "allow_blank": False},
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
class LoginSerializer(serializers.Serializer[Any]):
    """An address and its password."""

    email = serializers.CharField(max_length=254)
    password = serializers.CharField(**PASSWORD)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Change it",
            {"old_password": "clinic-demo", "new_password": "correct horse battery"},  # nosec B105  # two examples
        )
    ]
)
class PasswordChangeSerializer(serializers.Serializer[Any]):
    """The password in use and the one to come."""

    old_password = serializers.CharField(**PASSWORD)
    new_password = serializers.CharField(**PASSWORD)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_new_password(attrs["new_password"], self.context["request"].user, "new_password")
        return attrs


def check_new_password(password: str, user: User, field: str) -> None:
    """Hold a new password against the validators; raises ValidationError on the field."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({field: error.error_list}) from error
