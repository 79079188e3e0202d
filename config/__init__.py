"""Settings, URLs and the doors of the project; importing it settles where time zones come from."""

from config.time_zones import use_pinned_zones

use_pinned_zones()
