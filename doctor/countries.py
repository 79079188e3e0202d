"""Countries and their subdivisions (ISO 3166), and how a country writes dates.

The codes are those of pycountry (Debian's iso-codes), the order of dates that of Babel (CLDR).
"""

import re
from functools import cache

import pycountry
from babel import Locale, UnknownLocaleError
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import get_language, gettext

from extensions.text import fold


def country_names() -> dict[str, str]:
    """Map the code of each country (ISO 3166-1 alpha-2) to its name in the language in use.

    They are sorted by name.
    """
    return _country_names(get_language() or settings.LANGUAGE_CODE)


@cache
def _country_names(language: str) -> dict[str, str]:
    locale = Locale.parse(language, sep="-")
    translated = {} if locale.language == "en" else locale.territories
    names = {
        country.alpha_2: translated.get(
            country.alpha_2, getattr(country, "common_name", country.name)
        )
        for country in pycountry.countries
    }
    return dict(sorted(names.items(), key=lambda item: fold(item[1]) if translated else item[1]))


@cache
def subdivision_codes() -> frozenset[str]:
    """Return the codes of all subdivisions (ISO 3166-2), such as DE-BY: a country, then its own."""
    return frozenset(subdivision.code for subdivision in pycountry.subdivisions)


def validate_country(code: str) -> None:
    """Raise ValidationError unless the code is one of ISO 3166-1, in capital letters."""
    if code not in country_names():
        raise ValidationError(gettext("Use a code of ISO 3166-1, such as ES."), code="country")


def validate_subdivision(code: str) -> None:
    """Raise ValidationError unless the code is one of ISO 3166-2, in capital letters."""
    if code not in subdivision_codes():
        raise ValidationError(
            gettext("Use a code of ISO 3166-2, such as ES-MD."), code="subdivision"
        )


@cache
def writes_day_first(country: str | None) -> bool:
    """Return whether the country writes the day before the month, and the year last, in numbers.

    The locale of a country is CLDR's likely one (`und_DE` is `de_DE`). False for a country that
    CLDR does not know.
    """
    try:
        pattern = Locale.parse(f"und_{country}").date_formats["short"].pattern
    except (UnknownLocaleError, ValueError):
        return False
    letters = re.sub(r"'[^']*'|[^dMy]", "", pattern)
    return re.fullmatch("d+M+y+", letters) is not None
