"""Validation of dates in the past."""

from datetime import date, timedelta

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext

EARLIEST_DATE = date(1900, 1, 1)


def validate_past_date(value: date) -> None:
    """Raise ValidationError for a date before 1900 or after tomorrow (UTC).

    Tomorrow in UTC is the latest date that is today in some time zone.
    """
    if not EARLIEST_DATE <= value <= timezone.now().date() + timedelta(days=1):
        raise ValidationError(gettext("Use a date from 1900 to today."), code="date_range")
