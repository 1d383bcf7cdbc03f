"""Paths in disguise, methods, query strings: only the listed way leads to a model."""

import json

import pytest

from tests.e2e.attempts import CHAT, EMBEDDINGS, RESPONSES, Intruder, chat_body, check_refusal

NOT_LISTED = (
    "/",
    "/chat/completions",
    "/v1/chat/completions/",
    "/v1/chat/completions;x=1",
    "/V1/chat/completions",
    "/v1/completions",
    "/v1/messages",
    "/v1/model/info",
    "/v1/models/gpt-4o-mini",
    "/v1/reports",
    "/v1/extend",
    "/v1/responses/resp_123",
    "/v1/batches",
    "/v1/realtime",
    "/engines/gpt-4o-mini/chat/completions",
    "/openai/deployments/gpt-4o-mini/chat/completions",
    "/openai/v1/chat/completions",
    "/anthropic/v1/messages",
    "/key/generate",
    "/config/update",
    "/health",
    "/metrics",
)
# The same path in another dress: it is undressed first, judged as what it is, and held for.
DISGUISED = (
    "/v1/models/../chat/completions",
    "//v1/chat/completions",
    "/v1//chat///completions",
    "/v1/models/%2e%2e/chat/completions",
    "/v1/./chat/completions",
    "/v1/chat/%63ompletions",
)
UNREADABLE = (
    "/v1/chat%2fcompletions",
    "/v1/models%2F..%2Fchat/completions",
    "/v1/chat/completions%00",
)


@pytest.mark.parametrize("path", NOT_LISTED)
async def test_path_not_listed_is_404(intruder: Intruder, path: str) -> None:
    """LiteLLM knows dozens of ways to a model; here there are three."""
    answer = await intruder.send(chat_body(), path)
    assert (answer.status, answer.error["code"]) == (404, "not_found")
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("path", DISGUISED)
async def test_path_in_disguise_is_metered_as_what_it_is(intruder: Intruder, path: str) -> None:
    """No spelling reaches the model on a free route: it is answered, and debited."""
    assert (await intruder.send(chat_body(), path)).status == 200
    assert len(intruder.reached()) == 1


@pytest.mark.parametrize("path", UNREADABLE)
async def test_path_that_hides_its_slashes_is_refused(intruder: Intruder, path: str) -> None:
    """What two parsers may read in two ways is read by none."""
    assert (await intruder.send(chat_body(), path)).status == 400


@pytest.mark.parametrize("path", [CHAT, RESPONSES, EMBEDDINGS])
@pytest.mark.parametrize("query", ["?model=gpt-5", "?%6dodel=gpt-5", "?", "?user=somebody"])
async def test_query_on_a_metered_path_is_refused_by_name(
    intruder: Intruder, path: str, query: str
) -> None:
    """LiteLLM lets `?model=` override the body, which would be another model than the one held for."""
    answer = await intruder.send(chat_body(), path + query)
    assert (answer.status, answer.error["code"]) == (400, "bad_request")
    assert "query string" in answer.sentence
    assert f"ref. {answer.hold_id[:6]}" in answer.sentence
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_method_other_than_post_is_405(intruder: Intruder, method: str) -> None:
    """A metered path is POST alone."""
    answer = await intruder.send(path=CHAT, method=method)
    assert answer.status == 405
    if method != "HEAD":
        assert answer.error["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/images/generations",
        "/v1/images/edits",
        "/v1/audio/speech",
        "/v1/audio/transcriptions",
        "/v1/moderations",
        "/v1/files",
    ],
)
async def test_path_without_a_meter_is_404_in_enforce(intruder: Intruder, path: str) -> None:
    """Its cost follows from no token: not offered, in the form that LibreChat shows."""
    body = json.dumps({"model": "gpt-4o-mini", "prompt": "x", "input": "x"}).encode()
    answer = await intruder.send(body, path)
    check_refusal(answer, 404, "unknown_path", "", style=intruder.who.client)
