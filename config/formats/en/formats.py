"""English, with the zone after each instant: the clinics of one admin are in several."""

from extensions.formats import DATE, INSTANT, TIME

DATE_FORMAT = SHORT_DATE_FORMAT = DATE
TIME_FORMAT = TIME
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = INSTANT
MONTH_DAY_FORMAT = "j F"
FIRST_DAY_OF_WEEK = 1  # Monday, as everywhere in this project

# Django's own have 12/01/2026 for the first of December.
DATE_INPUT_FORMATS = ["%Y-%m-%d"]
DATETIME_INPUT_FORMATS = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"]
