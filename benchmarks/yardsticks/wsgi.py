"""The product's WSGI application, and beside it one of Django and REST framework alone.

Paths under /bare/ go to a handler of Django without any middleware, in the same processes and
threads: the floor below which no view of REST framework gets.
"""

import os
from collections.abc import Callable, Iterable
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.yardsticks.settings"

from django.core.handlers.wsgi import WSGIHandler
from django.test.utils import override_settings

from config.wsgi import application as product

with override_settings(MIDDLEWARE=[]):
    bare = WSGIHandler()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request."""
    app = bare if environ["PATH_INFO"].startswith("/bare/") else product
    return app(environ, start_response)
