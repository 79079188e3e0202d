"""The WSGI entry point that gunicorn serves."""

import os
from typing import Any

import django
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class Request(WSGIRequest):
    """Django's, but a Content-Type that it dies of counts as one that nobody knows.

    With a charset it reads the query at once, before anything could answer what is wrong with it.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        try:
            super().__init__(environ)
        except (LookupError, ValueError, SuspiciousOperation):
            super().__init__({**environ, "CONTENT_TYPE": "application/octet-stream"})


class Handler(WSGIHandler):
    request_class = Request


django.setup(set_prefix=False)
application = Handler()
