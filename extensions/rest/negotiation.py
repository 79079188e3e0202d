"""How the API chooses the format of an answer."""

from typing import Any

from django.utils.translation import gettext
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request

JSON = "application/json"
PLAIN = ("", "*/*", JSON)  # Accept headers


class ContentNegotiation(DefaultContentNegotiation):
    """REST framework's negotiation, for which an empty Accept header counts as an absent one.

    Some HTTP clients send one; RFC 9110, section 12.5.1, lets a server disregard the header. An
    unknown `?format=` is 406, as an unknown media type in the header: REST framework's own answer
    is 404, as if the row did not exist.
    """

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        """Return the renderer and its media type; raises NotAcceptable.

        Most clients accept anything or ask for JSON alone, which is the first renderer's: then
        there is nothing to compare.

        REST framework chooses before it authenticates. A refusal asks who calls first, so that the
        call counts for its user.
        """
        first, accepted = renderers[0], request._request.META.get("HTTP_ACCEPT", "")
        plain = accepted in PLAIN and first.media_type == JSON
        if plain and not (format_suffix or request.query_params.get("format")):
            return first, JSON
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            request.user  # noqa: B018
            raise

    def filter_renderers(self, renderers: Any, format: str) -> list[Any]:
        """Return the renderers of this format; raises NotAcceptable without one."""
        found = [renderer for renderer in renderers if renderer.format == format]
        if not found:
            formats = dict.fromkeys(renderer.format for renderer in renderers)
            named = {"formats": gettext(" or ").join(formats)}
            sentence = gettext("The format can be %(formats)s.") % named
            raise NotAcceptable(sentence, available_renderers=renderers)
        return found

    def get_accept_list(self, request: Request) -> list[str]:
        """Return the accepted media types; any for an absent or empty header."""
        if not request.headers.get("accept", "").strip(" \t,"):
            return ["*/*"]
        return super().get_accept_list(request)


class OnlyFormat(ContentNegotiation):
    """Answers in the one format of a view, also if the client accepts only others.

    Calendar programs send any Accept header, or none that names a calendar. RFC 9110, section
    12.5.1, lets a server disregard the header.
    """

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        """Return the first renderer and its media type."""
        return renderers[0], renderers[0].media_type
