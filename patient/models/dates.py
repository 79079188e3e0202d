"""Validation of dates in the past."""

from datetime import date, timedelta

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext

from extensions.error_params import Code

EARLIEST_DATE = date(1900, 1, 1)


def validate_past_date(value: date) -> None:
    """Raise ValidationError for a date before 1900 or after tomorrow (UTC).

    Tomorrow in UTC is the latest date that is today in some time zone.
    """
    last = timezone.now().date() + timedelta(days=1)
    if not EARLIEST_DATE <= value <= last:
        limits = Code("date_range", first=EARLIEST_DATE, last=last)
        raise ValidationError(gettext("Use a date from 1900 to today."), limits)
