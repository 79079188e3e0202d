"""The language of each answer: a cookie that a person chose, else the header Accept-Language."""

from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header

from accounts.languages import supported
from config.page_middleware import is_under_api
from extensions.rest.conditional import REVALIDATE

LONGEST_KEPT = 100  # characters of a header in the cache; longer ones are parsed each time


class LanguageMiddleware:
    """Translate each answer, and say its language (RFC 9110, sections 12.5.4 and 8.5).

    Of pages, the cookie of the form in the admin's head decides before the header. A call under
    /api/ has no such cookie: the header alone decides, so that a client's calls are all alike.

    The language is active in the thread until the answer is made. Then the former one is active
    again, so that no later request or log is in this language.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        language = language_of(request)
        with translation.override(language):
            response = self.get_response(request)
        if is_in_words(response):
            response.headers.setdefault("Content-Language", language)
            patch_vary_headers(response, ["Accept-Language"])
            if not is_under_api(request):
                patch_vary_headers(response, ["Cookie"])
        return response


def is_in_words(response: HttpResponseBase) -> bool:
    """Whether the answer may differ by language.

    Answers that shared caches keep are data without a sentence. With `Vary: Accept-Language` a
    cache would keep one copy of them for each of the many values that browsers send.
    """
    return response.get("Cache-Control") != REVALIDATE


def language_of(request: HttpRequest) -> str:
    """Return the language to answer in: one of the setting LANGUAGES."""
    if not is_under_api(request):
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        if chosen in dict(settings.LANGUAGES):
            return chosen
    header = request.META.get("HTTP_ACCEPT_LANGUAGE", "")
    if not header:
        return settings.LANGUAGE_CODE
    return accepted(header) if len(header) <= LONGEST_KEPT else accepted.__wrapped__(header)


@lru_cache(maxsize=1_000)
def accepted(header: str) -> str:
    """Return the language that an Accept-Language header asks for, else LANGUAGE_CODE.

    By the lookup of RFC 4647, section 3.4: `es-419` is answered in `es`. A weight of 0 refuses a
    language, and `*` is any language that the header does not refuse. Django reads at most 500
    characters of the header, and ignores one that is malformed.
    """
    ranges = parse_accept_lang_header(header)
    refused = {tag for tag, weight in ranges if not weight}
    for tag, weight in ranges:
        if weight and (found := _supported(tag, refused)):
            return found
    return settings.LANGUAGE_CODE


def _supported(tag: str, refused: set[str]) -> str:
    """Return the language for a range of the header, or "" if there is none."""
    if tag == "*":
        offered = [settings.LANGUAGE_CODE, *dict(settings.LANGUAGES)]
        return next((language for language in offered if language not in refused), "")
    return supported(tag)
