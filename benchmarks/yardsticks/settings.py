"""The product's settings with the yardsticks' URLs; nothing else differs."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.yardsticks.urls"
