"""English, with the zone after each time: without it one would be read as by the clock here."""

DATETIME_FORMAT = "N j, Y, P e"
SHORT_DATETIME_FORMAT = "m/d/Y P e"
