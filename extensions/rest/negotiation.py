"""How the API chooses the format of an answer."""

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request


class ContentNegotiation(DefaultContentNegotiation):
    """REST framework's negotiation, for which an empty Accept header counts as an absent one.

    Some HTTP clients send one; RFC 9110, section 12.5.1, lets a server disregard the header.
    """

    def get_accept_list(self, request: Request) -> list[str]:
        """Return the accepted media types; any for an absent or empty header."""
        if not request.headers.get("accept", "").strip(" \t,"):
            return ["*/*"]
        return super().get_accept_list(request)
