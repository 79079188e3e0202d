"""The longest body that a path takes."""

from django.conf import settings


def longest_body(path: str) -> int:
    """Return how many bytes a request to this path may have as its body."""
    of_page = path == settings.UPLOAD_PATH
    limit: int = settings.UPLOAD_MAX_SIZE if of_page else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return limit
