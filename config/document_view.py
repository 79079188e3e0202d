"""The view that serves the OpenAPI document, which each process builds once."""

import hashlib
import json
import threading
from functools import cache
from typing import Any

from django.http import HttpResponse
from django.utils import translation
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

from config.api_document import SPECTACULAR_SETTINGS

BUILDING = threading.Lock()
TITLE = SPECTACULAR_SETTINGS["TITLE"]


class DocumentView(SpectacularAPIView):
    """Serve the OpenAPI document as JSON or YAML, the same to every caller."""

    # JSON for a client that accepts anything, as everywhere in the API.
    renderer_classes = [
        OpenApiJsonRenderer2,
        OpenApiJsonRenderer,
        OpenApiYamlRenderer2,
        OpenApiYamlRenderer,
    ]

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Return the document; 304 to a client that has it, by the header If-None-Match."""
        renderer = request.accepted_renderer
        content, etag = rendered(renderer.format)
        charset = f"; charset={renderer.charset}" if renderer.charset else ""
        response = HttpResponse(content, content_type=f"{renderer.media_type}{charset}")
        response["ETag"] = etag
        response["Content-Language"] = "en"
        response["Content-Disposition"] = f'inline; filename="{TITLE}.{renderer.format}"'
        return get_conditional_response(request._request, etag, response=response)


def rendered(format_name: str) -> tuple[bytes, str]:
    """Return the document in this format, `json` or `yaml`, and its ETag.

    One thread at a time: `functools.cache` lets several build at once, and drf-spectacular, which
    loads its extensions at the first build, then fails.
    """
    with BUILDING:
        return _rendered(format_name)


@cache
def _rendered(format_name: str) -> tuple[bytes, str]:
    document = built()
    if format_name == OpenApiJsonRenderer.format:
        content = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    else:
        content = OpenApiYamlRenderer().render(document)
    return content, quote_etag(hashlib.sha256(content).hexdigest())


@cache
def built() -> Any:
    """Build the document of all operations, so that it is the same for every caller: in English."""
    with translation.override("en"):
        return SchemaGenerator().get_schema(request=None, public=True)
