"""A location's country and subdivision (ISO 3166), and who writes the day first (CLDR)."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import User
from doctor.countries import writes_day_first
from doctor.models import Location
from doctor.tests.factories import LocationFactory
from tests.admin_client import AdminClient, form_errors, page

pytestmark = pytest.mark.django_db
OF_ANOTHER_COUNTRY = "The subdivision is not one of this country."


@pytest.mark.parametrize(
    ("country", "subdivision", "field"),
    [
        ("XX", None, "country"),
        ("es", None, "country"),
        ("ES", "ES-XX", "subdivision"),
        ("ES", "es-md", "subdivision"),
        ("ES", "DE-BY", "subdivision"),
        (None, "DE-BY", "subdivision"),
    ],
)
def test_a_code_that_iso_3166_does_not_have_is_refused(
    country: str | None, subdivision: str | None, field: str
) -> None:
    place = LocationFactory.build(country=country, subdivision=subdivision)
    with pytest.raises(ValidationError) as error:
        place.full_clean()
    assert [*error.value.error_dict] == [field]


@pytest.mark.parametrize(
    "codes", [(None, None), ("ES", None), ("ES", "ES-MD"), ("US", "US-NY"), ("GB", "GB-SCT")]
)
def test_the_codes_of_iso_3166_are_accepted(codes: tuple[str | None, str | None]) -> None:
    country, subdivision = codes
    LocationFactory.build(country=country, subdivision=subdivision).full_clean()


@pytest.mark.both_databases
@pytest.mark.parametrize("country", [None, "", "ES"])
def test_the_database_refuses_a_subdivision_of_another_country(country: str | None) -> None:
    LocationFactory(country="DE", subdivision="DE-BY")
    with pytest.raises(IntegrityError), transaction.atomic():
        LocationFactory(country=country, subdivision="DE-BY")


def test_the_api_shows_the_country_and_null_where_there_is_none(client: Client) -> None:
    there = LocationFactory(country="DE", subdivision="DE-BY")
    nowhere = LocationFactory()
    shown = [client.get(f"/api/doctor/locations/{each.pk}/").json() for each in (there, nowhere)]
    assert [(one["country"], one["subdivision"]) for one in shown] == [
        ("DE", "DE-BY"),
        (None, None),
    ]


def test_the_admin_sets_and_clears_the_country(superuser: User) -> None:
    admin_client = AdminClient(superuser)
    admin_client.send(
        page(Location, "add"),
        name="Berlin",
        time_zone="Europe/Berlin",
        country="DE",
        subdivision="DE-BE",
    )
    place = Location.objects.get()
    assert (place.country, place.subdivision) == ("DE", "DE-BE")
    assert form_errors(admin_client.change(place, country="AT")) == [OF_ANOTHER_COUNTRY]
    admin_client.change(place, country="", subdivision="")
    place.refresh_from_db()
    assert (place.country, place.subdivision) == (None, None)


@pytest.mark.parametrize("country", ["ES", "DE", "GB", "AE", "BG", "NL", "AU", "IN", "BR", "RS"])
def test_most_countries_write_the_day_first(country: str) -> None:
    assert writes_day_first(country)


@pytest.mark.parametrize(
    "country", ["US", "PH", "PA", "JP", "CN", "CA", "SE", "HU", "AQ", "", None]
)
def test_a_country_that_writes_month_or_year_first_or_is_unknown_does_not(
    country: str | None,
) -> None:
    assert not writes_day_first(country)
