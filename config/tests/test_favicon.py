"""Browsers that ask for /favicon.ico get the clinic's icon."""

import pytest
from django.test import Client


@pytest.mark.parametrize("method", ["get", "head"])
def test_the_icon_is_found_where_browsers_look(client: Client, method: str) -> None:
    answer = getattr(client, method)("/favicon.ico")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/x-icon"
    assert answer["Cache-Control"].startswith("max-age=")
    assert answer.cookies == {}
    assert b"".join(answer)[:4] == (
        b"\0\0\1\0" if method == "get" else b""
    )  # the signature of an .ico
