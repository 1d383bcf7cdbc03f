"""Flat paths in the real Envoy: JSON is read up to a limit, an upload streams through unread."""

from collections.abc import Iterator

import pytest
from google.protobuf.json_format import MessageToDict

from credit.flat import FLAT_ROUTES
from tests.integration.envoy_stage import CLIENT_KEY, Stage, stage

MIB = 1024 * 1024
FLAT_FORMS = [path for path, route in FLAT_ROUTES.items() if route.is_form]
FLAT_JSON = [path for path in FLAT_ROUTES if path not in FLAT_FORMS]
FORM = "multipart/form-data; boundary=x"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One Envoy for the whole module."""
    with stage(tmp_path_factory.mktemp("f")) as opened:
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


@pytest.mark.parametrize("path", FLAT_JSON)
def test_flat_json_is_read_like_a_chat_but_its_text_stays(envoy: Stage, path: str) -> None:
    """What bounds and what is refused goes to authz; what a person wrote does not."""
    body = {"model": "m", "n": 2, "prompt": "secret", "input": "secret", "api_base": "x"}
    assert envoy.chat(body, path=path).status == 200
    assert extracted(envoy) == {"model": "m", "n": 2.0, "api_base": "x"}


@pytest.mark.parametrize("path", FLAT_FORMS)
def test_upload_streams_through_unread_and_whole(envoy: Stage, path: str) -> None:
    """Nothing of a form is read, its type is told, and 3 MiB are not too many."""
    body = b"--x\r\n" + b"a" * 3 * MIB + b"\r\n--x--\r\n"
    headers = [("authorization", CLIENT_KEY), ("content-type", FORM)]
    assert envoy.send("POST", path, headers, body).status == 200
    assert extracted(envoy) == {}
    assert envoy.last_asked().request.http.headers["content-type"] == FORM
    (arrived,) = envoy.upstream.arrived
    assert arrived.body == body


@pytest.mark.parametrize("path", FLAT_JSON)
def test_flat_json_has_a_limit_and_no_upgrade(envoy: Stage, path: str) -> None:
    """Read bodies are buffered: too large is 413, and one that never ends is refused."""
    headers = [("authorization", CLIENT_KEY), ("content-type", "application/json")]
    assert envoy.send("POST", path, headers, b"{" + b" " * 17 * MIB + b"}").status == 413
    upgrade = [("connection", "upgrade"), ("upgrade", "websocket"), *headers]
    assert envoy.send("POST", path, upgrade).status in {400, 403}
    assert not envoy.upstream.arrived
