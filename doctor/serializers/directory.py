"""Serializers of doctors, specialties, languages and locations."""

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from doctor.models import Doctor, Language, Location, Specialty
from extensions.rest.fields import OptionalTextField


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A specialty",
            {"id": 2, "name": "Cardiology", "code": "394579002", "description": "Heart."},
        )
    ]
)
class SpecialtySerializer(serializers.ModelSerializer[Specialty]):
    """A field of practice, with its SNOMED CT code."""

    code = OptionalTextField(read_only=True, help_text="SNOMED CT code; null if it has none.")

    class Meta:
        model = Specialty
        fields = ("id", "name", "code", "description")


@extend_schema_serializer(
    examples=[OpenApiExample("A language", {"id": 1, "tag": "es", "name": "Spanish"})]
)
class LanguageSerializer(serializers.ModelSerializer[Language]):
    """A language, with its BCP 47 tag."""

    class Meta:
        model = Language
        fields = ("id", "tag", "name")


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A location",
            {
                "id": 1,
                "name": "Clínica Centro",
                "address": "Calle Mayor 1, Madrid",
                "phone": "+34910123456",
                "time_zone": "Europe/Madrid",
                "country": "ES",
                "subdivision": "ES-MD",
            },
        )
    ]
)
class LocationSerializer(serializers.ModelSerializer[Location]):
    """A site of the clinic, with its IANA time zone and its country (ISO 3166)."""

    class Meta:
        model = Location
        fields = ("id", "name", "address", "phone", "time_zone", "country", "subdivision")


class SpecialtyNameSerializer(serializers.ModelSerializer[Specialty]):
    """The id and name of a specialty."""

    class Meta:
        model = Specialty
        fields = ("id", "name")


class LocationNameSerializer(serializers.ModelSerializer[Location]):
    """The id and name of a location."""

    class Meta:
        model = Location
        fields = ("id", "name")


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A doctor",
            {
                "id": 3,
                "name": "Dr. Elena García",
                "title": "Dr.",
                "first_name": "Elena",
                "last_name": "García",
                "bio": "Twenty years of hearts.",
                "specialties": [{"id": 2, "name": "Cardiology"}],
                "languages": [{"id": 1, "tag": "es", "name": "Spanish"}],
                "locations": [{"id": 1, "name": "Clínica Centro"}],
                "accepts_patients": True,
            },
        )
    ]
)
class DoctorSerializer(serializers.ModelSerializer[Doctor]):
    """A doctor as patients see them."""

    name = serializers.CharField(read_only=True, help_text="Title, first and last name.")
    specialties = SpecialtyNameSerializer(many=True, read_only=True)
    languages = LanguageSerializer(many=True, read_only=True)
    locations = LocationNameSerializer(
        source="current_locations",
        many=True,
        read_only=True,
        help_text="Locations where the doctor has an active session today or later.",
    )

    class Meta:
        model = Doctor
        fields = (
            "id",
            "name",
            "title",
            "first_name",
            "last_name",
            "bio",
            "specialties",
            "languages",
            "locations",
            "accepts_patients",
        )
