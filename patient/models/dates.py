"""Dates that lie behind us."""

from datetime import date, timedelta

from django.core.exceptions import ValidationError
from django.utils import timezone

OLDEST_BIRTH = date(1900, 1, 1)


def validate_past_date(value: date) -> None:
    """Raise ValidationError for a date before 1900 or after today, wherever that is furthest on."""
    if not OLDEST_BIRTH <= value <= timezone.now().date() + timedelta(days=1):
        raise ValidationError("Use a date from 1900 to today.", code="date_range")
