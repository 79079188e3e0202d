"""Settings, URLs and the WSGI application; importing the package sets the source of time zones."""

from config.time_zones import use_pinned_zones

use_pinned_zones()
