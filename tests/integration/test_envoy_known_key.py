"""Whose key is it: the real Envoy asks before it reads a large body, and only then."""

import http.client
import json
from collections.abc import Callable, Iterator

import pytest

from local.probe import HOST
from protos import ext_authz_pb2 as pb
from tests.integration.envoy_stage import CLIENT_KEY, Stage, allow, refuse, stage
from tests.integration.envoy_upstream import WITHIN_S

SMALL = {"model": "m"}
LARGE = {"model": "m", "padding": "x" * 40_000}
PATHS = ["/v1/chat/completions", "/v1/responses", "/v1/embeddings"]
MIB = 2**20
TRIES = 8
UNKNOWN = '{"error":{"code":"unknown_key"}}'


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One Envoy for the whole module."""
    with stage(tmp_path_factory.mktemp("k")) as opened:
        yield opened


@pytest.fixture
def envoy(running: Stage) -> Stage:
    """The running Envoy, with clean stand-ins that are known to be up."""
    running.forget()
    assert running.eventually(lambda: running.chat(SMALL).status == 200)
    running.forget()
    return running


def keys_asked(envoy: Stage) -> list[pb.CheckRequest]:
    """The questions about keys that both replicas were asked."""
    return [asked for replica in envoy.authz for asked in replica.keys_asked]


def know_nobody(envoy: Stage) -> None:
    """No key is known; the decision itself would let everybody pass, if it were asked."""
    for replica in envoy.authz:
        replica.recognise = lambda _: refuse(401, UNKNOWN)
        replica.answer = lambda _: allow("authorization")


def chunked(envoy: Stage, body: bytes, path: str = PATHS[0]) -> int:
    """POST without a length; the status."""
    connection = http.client.HTTPConnection(HOST, envoy.port, timeout=WITHIN_S)
    headers = {"content-type": "application/json", "authorization": CLIENT_KEY}
    try:
        connection.request("POST", path, iter([body]), headers, encode_chunked=True)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("path", PATHS)
def test_large_body_of_a_known_key_is_asked_about_twice(envoy: Stage, path: str) -> None:
    """First the key, without the body's values; then the decision, with them."""
    assert envoy.chat(LARGE, path=path).status == 200
    (first,) = keys_asked(envoy)
    assert "pedagio.body" not in first.attributes.metadata_context.filter_metadata
    assert first.attributes.request.http.headers["authorization"] == CLIENT_KEY
    body = envoy.last_asked().metadata_context.filter_metadata["pedagio.body"]
    assert body.fields["model"].string_value == "m"
    assert envoy.upstream.arrived[0].headers["x-pedagio-hold"] == "token"


def test_small_body_is_asked_about_once(envoy: Stage) -> None:
    """The usual request pays nothing for it; nor does the list of models."""
    assert envoy.chat(SMALL).status == 200
    assert envoy.send("GET", "/v1/models", [("authorization", CLIENT_KEY)]).status == 200
    assert (len(envoy.asked), keys_asked(envoy)) == (2, [])


@pytest.mark.parametrize("path", PATHS)
def test_large_body_of_a_stranger_is_refused_unread(envoy: Stage, path: str) -> None:
    """The refusal is authz's, as it stands; the body is not parsed, the decision not asked."""
    know_nobody(envoy)
    got = envoy.chat(LARGE, path=path)
    assert (got.status, got.body.decode()) == (401, UNKNOWN)
    assert not envoy.asked + envoy.upstream.arrived


def test_body_of_unknown_size_is_asked_about_by_its_size(envoy: Stage) -> None:
    """Chunked: Envoy has read it by then, and not looked into it."""
    assert chunked(envoy, json.dumps(SMALL).encode()) == 200
    assert (len(keys_asked(envoy)), len(envoy.asked)) == (0, 1)
    know_nobody(envoy)
    assert chunked(envoy, json.dumps(LARGE).encode()) == 401
    assert len(envoy.asked) == 1


@pytest.mark.parametrize(
    "post", [chunked, lambda envoy, body, path: envoy.chat(body, path=path).status]
)
def test_body_above_the_limit_never_hangs(
    envoy: Stage, post: Callable[[Stage, bytes, str], int]
) -> None:
    """It did when it came while Envoy asked for the key: reading stopped, and nothing went on."""
    body = b" " * (2 * MIB + MIB // 2)
    for _ in range(TRIES):
        try:
            assert post(envoy, body, "/v1/embeddings") == 413
        except ConnectionError:  # answered, then closed, while the body was still being sent
            continue


@pytest.mark.parametrize("length", ["29999", "30000", "000000000000040000"])
def test_length_decides_by_its_value_not_by_its_spelling(envoy: Stage, length: str) -> None:
    """Whatever is not surely small is asked about."""
    body = b'{"model":"m"}'.ljust(int(length))
    headers = [("content-type", "application/json"), ("authorization", CLIENT_KEY)]
    connection = http.client.HTTPConnection(HOST, envoy.port, timeout=WITHIN_S)
    try:
        connection.putrequest("POST", PATHS[0])
        for name, value in (*headers, ("content-length", length)):
            connection.putheader(name, value)
        connection.endheaders(body)
        assert connection.getresponse().status == 200
    finally:
        connection.close()
    assert len(keys_asked(envoy)) == (0 if length == "29999" else 1)


def test_key_question_without_authz_fails_closed(envoy: Stage) -> None:
    """Nobody there to ask: the sentence that people can read, nothing upstream."""
    for replica in envoy.authz:
        replica.stop()
    try:
        got = envoy.chat(LARGE)
        assert (got.status, got.error["code"]) == (503, "enforcement_unavailable")
        assert not envoy.upstream.arrived
    finally:
        for replica in envoy.authz:
            replica.start()


def test_answer_about_the_key_can_set_no_header(envoy: Stage) -> None:
    """Only the decision may name the hold."""
    for replica in envoy.authz:
        replica.recognise = lambda _: allow()
    assert envoy.chat(LARGE).status == 503
    assert not envoy.upstream.arrived
