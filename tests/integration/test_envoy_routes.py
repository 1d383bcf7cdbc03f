"""What the real Envoy lets through, what it strips, and what it hands to authz."""

import json
from collections.abc import Iterator

import httpx
import pytest
from google.protobuf.json_format import MessageToDict

from credit.flat import FLAT_ROUTES
from local.probe import HOST
from tests.integration.envoy_stage import CLIENT_KEY, LITELLM_KEY, Stage, stage

CHAT = "/v1/chat/completions"
MIB = 1024 * 1024
UNMETERED = [*FLAT_ROUTES, "/v1/files"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One Envoy for the whole module."""
    with stage(tmp_path_factory.mktemp("e")) as opened:
        yield opened


@pytest.fixture
def envoy(running: Stage) -> Stage:
    """The running Envoy, with clean stand-ins."""
    running.forget()
    return running


def extracted(envoy: Stage) -> dict[str, object]:
    """The body keys that authz was given."""
    metadata = envoy.last_asked().metadata_context.filter_metadata
    return dict(MessageToDict(metadata["pedagio.body"])) if "pedagio.body" in metadata else {}


@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/v1/embeddings", *UNMETERED])
def test_listed_path_by_post_reaches_litellm_once_approved(envoy: Stage, path: str) -> None:
    """Metered and unmetered-listed paths are asked about, then sent on with authz's headers."""
    assert envoy.chat({"model": "m"}, path=path).status == 200
    assert envoy.last_asked().request.http.path == path
    (arrived,) = envoy.upstream.arrived
    assert (arrived.path, arrived.body) == (path, b'{"model":"m"}')
    assert arrived.headers["x-pedagio-hold"] == "token"


def test_models_by_get_are_asked_about_and_free(envoy: Stage) -> None:
    """GET /v1/models needs authz's approval like everything else."""
    assert envoy.send("GET", "/v1/models", [("authorization", CLIENT_KEY)]).status == 200
    assert envoy.last_asked().request.http.method == "GET"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/chat/completions/",
        "/v1/chat",
        "/v1/model/info",
        "/v1/models/gpt-4o",
        "/chat/completions",
        "/key/generate",
        "/v1/completions",
        "/V1/chat/completions",
        "/v1/chat/completions;x=1",
        "/v1/chat/completions/..;/models",
        "/v1/files/abc/content",
        "//evil/v1/models",
    ],
)
def test_path_not_listed_is_404_unasked(envoy: Stage, path: str) -> None:
    """Default 404 in OpenAI's form; neither authz nor LiteLLM hears of it."""
    got = envoy.chat({"model": "m"}, path=path)
    assert (got.status, got.error["code"]) == (404, "not_found")
    assert not envoy.asked
    assert not envoy.upstream.arrived


@pytest.mark.parametrize(
    ("path", "status", "asked_for"),
    [
        ("/v1/models/../chat/completions", 200, CHAT),
        ("//v1//chat///completions", 200, CHAT),
        ("/v1/./chat/completions", 200, CHAT),
        ("/v1/chat/%63ompletions", 200, CHAT),
        ("/v1/chat%2fcompletions", 400, None),
        ("/v1/models%2F..%2Fchat/completions", 400, None),
        ("/v1/chat%5Ccompletions", 400, None),
        ("/v1\\chat\\completions", 200, CHAT),
        ("/v1/models/%2e%2e/chat/completions", 200, CHAT),
        ("/v1/chat/completions%3Fmodel=x", 404, None),
        ("/v1/chat/completions#x", 400, None),
        ("/v1/chat/completions%00", 400, None),
    ],
)
def test_path_in_disguise_is_seen_plain_or_refused(
    envoy: Stage, path: str, status: int, asked_for: str | None
) -> None:
    """Authz is asked about the very path that LiteLLM gets; what cannot be plain is refused."""
    assert envoy.chat({"model": "m"}, path=path).status == status
    assert [request.attributes.request.http.path for request in envoy.asked] == (
        [asked_for] if asked_for else []
    )
    assert [arrived.path for arrived in envoy.upstream.arrived] == (
        [asked_for] if asked_for else []
    )


@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/v1/embeddings"])
@pytest.mark.parametrize("query", ["?model=gpt-5", "?", "?a=b#c", "?%6dodel=x"])
def test_query_on_metered_path_is_refused_by_name(envoy: Stage, path: str, query: str) -> None:
    """LiteLLM lets ?model= override the body: another model than the one held for."""
    got = envoy.chat({"model": "m"}, path=path + query)
    assert got.status == 400
    assert not envoy.asked
    assert "#" in query or "query string" in got.error["message"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"])
def test_method_other_than_post_on_metered_path_is_405(envoy: Stage, method: str) -> None:
    """POST only; nobody is asked."""
    assert envoy.send(method, CHAT, [("authorization", CLIENT_KEY)]).status == 405
    assert not envoy.asked


def test_upgrade_and_connect_are_never_tunnelled(envoy: Stage) -> None:
    """A websocket or CONNECT would leave metering behind."""
    upgrade = [("connection", "upgrade"), ("upgrade", "websocket"), ("content-type", "text/plain")]
    assert envoy.send("POST", CHAT, upgrade).status in {400, 403}
    assert envoy.send("CONNECT", "evil:443").status in {400, 404}
    assert not envoy.upstream.arrived


def test_headers_of_ours_sent_by_a_client_reach_nobody(envoy: Stage) -> None:
    """Identity, holds, Envoy's own knobs and other names for a key come from us or not at all."""
    forged = [
        "x-pedagio-hold",
        "X-Pedagio-Client",
        "x-pedagio-pass",
        "x-litellm-call-id",
        "X-LITELLM-TIMEOUT",
        "x-litellm-api-key",
        "x-envoy-upstream-rq-timeout-ms",
        "x-envoy-retry-on",
        "x-envoy-original-path",
        "api-key",
        "x-api-key",
        "x-goog-api-key",
        "x_pedagio_hold",
    ]
    sent = [*((name, "forged") for name in forged), ("x-user-id", "maria")]
    assert envoy.chat({"model": "m"}, *sent).status == 200
    seen = envoy.last_asked().request.http.headers
    (arrived,) = envoy.upstream.arrived
    assert "forged" not in {*seen.values(), *arrived.headers.values()}
    assert (seen["x-user-id"], arrived.headers["x-pedagio-hold"]) == ("maria", "token")


def test_request_id_sent_by_a_client_is_replaced(envoy: Stage) -> None:
    """The hold's name is Envoy's: the same for authz, LiteLLM and the answer."""
    forged = "11111111-2222-4333-8444-555555555555"
    got = envoy.chat({"model": "m"}, ("x-request-id", forged), ("x-forwarded-for", "10.0.0.1"))
    seen = envoy.last_asked().request.http.headers["x-request-id"]
    assert seen != forged
    assert envoy.upstream.arrived[0].headers["x-request-id"] == seen == got.headers["x-request-id"]


def test_duplicate_identity_header_arrives_joined(envoy: Stage) -> None:
    """Authz refuses a comma in an identity; this is the comma it sees."""
    envoy.chat({"model": "m"}, ("x-user-id", "a"), ("x-user-id", "b"))
    assert envoy.last_asked().request.http.headers["x-user-id"] == "a,b"


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (
            {"model": "m", "stream": True, "max_tokens": 5},
            {"model": "m", "stream": True, "max_tokens": 5.0},
        ),
        ({"model": "m", "n": 3, "best_of": 2}, {"model": "m", "n": 3.0, "best_of": 2.0}),
        ({"model": "m", "max_tokens": "100"}, {"model": "m", "max_tokens": "100"}),
        ({"model": "m", "max_tokens": -1.5}, {"model": "m", "max_tokens": -1.5}),
        (b'{"model":"m","max_tokens":1e30}', {"model": "m", "max_tokens": 1e30}),
        (b'{"model":"a","model":"b"}', {"model": "b"}),
        (
            {"model": "m", "no-log": True, "api_base": "http://x"},
            {"model": "m", "no-log": True, "api_base": "http://x"},
        ),
        (
            {"model": "m", "n": 0, "stream": False, "store": False},
            {"model": "m", "n": 0.0, "stream": False, "store": False},
        ),
        (
            {"model": "m", "cache": None, "metadata": {"n": 1}, "prompt": {"id": "p"}},
            {"model": "m"},
        ),
        ({"model": ["a"], "max_tokens": [1]}, {}),
        ({"model": ""}, {"model": ""}),
        ({"messages": []}, {}),
        (b'{"model":"m","n":1,"n":[2]}', {"model": "m"}),
        (b'{"model":"m","max_tokens":1e999}', {"unreadable": True}),
        (b'{"model":"m","user":"\xff"}', {"unreadable": True}),
        (b'["model"]', {}),
        (b'"model"', {}),
        (b"", {}),
        (b"{", {"unreadable": True}),
        (b'{"model":"m"} trailing', {"unreadable": True}),
        (b"model=m", {"unreadable": True}),
        (b"\xff\xfe{\x00}\x00", {"unreadable": True}),
        (b"[" * 100_000, {"unreadable": True}),
    ],
)
def test_body_keys_reach_authz_as_they_are(
    envoy: Stage, body: object, seen: dict[str, object]
) -> None:
    """Scalars arrive with their own type, the last of duplicates; the rest counts as missing."""
    envoy.chat(body)
    assert extracted(envoy) == seen


@pytest.mark.parametrize(
    ("content_type", "readable"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("Application/JSON;charset=UTF-8", True),
        ('application/json; charset="utf-8"', True),
        ("application/json; boundary=form", False),
        ("application/json; charset=utf-16", False),
        ("application/x-www-form-urlencoded", False),
        ("multipart/form-data; boundary=x", False),
        ("text/plain", False),
        ("text/application/json", False),
        ("", False),
    ],
)
def test_content_type_decides_whether_a_body_is_read(
    envoy: Stage, content_type: str, *, readable: bool
) -> None:
    """What LiteLLM might read in another way than Envoy is flagged, not guessed at."""
    envoy.chat({"model": "m"}, ("content-type", content_type))
    assert extracted(envoy) == ({"model": "m"} if readable else {"unreadable": True})


def test_size_given_to_authz_is_the_body_to_the_byte(envoy: Stage) -> None:
    """The door bound counts bytes; the body itself never reaches authz."""
    body = json.dumps({"model": "m", "messages": ["ã" * 3_000_000]}, ensure_ascii=False).encode()
    assert envoy.chat(body).status == 200
    assert envoy.last_asked().request.http.size == len(body)
    assert envoy.last_asked().ByteSize() < 4_000
    assert envoy.upstream.arrived[0].body == body


def test_size_of_a_chunked_body_is_known_too(envoy: Stage) -> None:
    """Without content-length the size is counted, not believed."""
    headers = {"content-type": "application/json", "authorization": CLIENT_KEY}
    chunks = iter([b'{"model":', b'"m"}'])
    url = f"http://{HOST}:{envoy.port}{CHAT}"
    assert httpx.post(url, headers=headers, content=chunks).status_code == 200
    assert envoy.last_asked().request.http.size == len(b'{"model":"m"}')
    assert extracted(envoy) == {"model": "m"}


@pytest.mark.parametrize(
    ("path", "limit"), [(CHAT, 16 * MIB), ("/v1/responses", 16 * MIB), ("/v1/embeddings", 2 * MIB)]
)
def test_body_above_the_limit_of_its_route_is_413(envoy: Stage, path: str, limit: int) -> None:
    """Parsing happens before anyone is identified, so it is bounded; people read why."""
    assert envoy.chat(b'{"model":"' + b"m" * (limit - MIB) + b'"}', path=path).status == 200
    envoy.forget()
    got = envoy.chat(b'{"model":"' + b"m" * (limit + MIB) + b'"}', path=path)
    assert (got.status, got.error["code"]) == (413, "bad_request")
    inner = json.loads(got.error["message"])
    assert inner["type"] == "google_error"
    assert got.headers["x-request-id"][:6] in inner["info"]
    assert got.headers["x-should-retry"] == "false"
    assert not envoy.asked


def test_key_of_litellm_is_nowhere_in_what_authz_sees(envoy: Stage) -> None:
    """Authz decides without ever holding LiteLLM's key."""
    envoy.chat({"model": "m"})
    assert LITELLM_KEY not in str(envoy.asked)
