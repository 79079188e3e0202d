"""English, with the zone after each instant: the clinics of one admin are in several.

Django sends these to scripts as they are, so they are no texts of the catalogs; those of the same
meaning in `extensions.formats` are, and a test holds the two together.
"""

DATE_FORMAT = SHORT_DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "D j M Y, H:i e"
MONTH_DAY_FORMAT = "j F"
FIRST_DAY_OF_WEEK = 1  # Monday, as everywhere in this project

# Django's own have 12/01/2026 for the first of December.
DATE_INPUT_FORMATS = ["%Y-%m-%d"]
DATETIME_INPUT_FORMATS = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"]
