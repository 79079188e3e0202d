"""A page of an allowed origin may send and read some headers; other pages may not."""

import pytest
from django.test import Client, override_settings

pytestmark = pytest.mark.django_db  # a refusal is written to the database
ORIGIN = "https://app.example"


@override_settings(CORS_ALLOWED_ORIGINS=[ORIGIN])
def test_a_page_may_send_an_idempotency_key_and_read_that_an_answer_is_a_replay() -> None:
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    asked["Access-Control-Request-Headers"] = (
        "authorization, content-type, idempotency-key, if-none-match"
    )
    allowed = Client().options("/api/appointment/book/1/", headers=asked)
    sent = allowed["Access-Control-Allow-Headers"].split(", ")
    assert {"authorization", "content-type", "idempotency-key", "if-none-match"} <= set(sent)
    shown = Client().get("/api/appointment/book/1/", headers={"Origin": ORIGIN})
    exposed = shown["Access-Control-Expose-Headers"].split(", ")
    assert exposed == ["ETag", "Idempotency-Replayed", "Location", "Retry-After", "X-Request-ID"]


def test_no_other_origin_gets_a_cors_header() -> None:
    answer = Client().get("/api/appointment/book/1/", headers={"Origin": ORIGIN})
    assert "Access-Control-Allow-Origin" not in answer
