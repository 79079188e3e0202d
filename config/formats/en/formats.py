"""English, with the time zone after each time: the clinics of one admin are in several."""

DATETIME_FORMAT = "N j, Y, P e"
SHORT_DATETIME_FORMAT = "m/d/Y P e"
