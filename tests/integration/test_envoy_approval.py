"""What the real Envoy makes of authz's answers, of its absence, and of LiteLLM's key."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from authz.response import Allow, Listed, build
from local.envoy_config import LITELLM_KEY as KEY_NAME
from local.envoy_config import write_key
from local.probe import HOST, free_ports
from protos import ext_authz_pb2 as pb
from tests.integration.envoy_stage import (
    CLIENT_KEY,
    LITELLM_KEY,
    Got,
    Stage,
    allow,
    refuse,
    stage,
)
from tests.integration.envoy_upstream import WITHIN_S

BODY = {"model": "m"}
REFUSAL = '{"error":{"message":"Seu crédito de IA acabou","type":"insufficient_credit"}}'


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One Envoy for the whole module."""
    with stage(tmp_path_factory.mktemp("e")) as opened:
        yield opened


@pytest.fixture
def envoy(running: Stage) -> Stage:
    """The running Envoy, with clean stand-ins, both replicas up and known to be."""
    running.forget()
    assert running.eventually(lambda: running.chat(BODY).status == 200)
    running.forget()
    return running


def tell(envoy: Stage, answer: pb.CheckResponse) -> None:
    """Let both replicas answer the same."""
    for replica in envoy.authz:
        replica.answer = lambda _: answer


def broken(_: pb.CheckRequest) -> pb.CheckResponse:
    """A replica with a bug."""
    raise RuntimeError("a bug in authz")


def assert_unavailable(got: Got) -> None:
    """The 503 that people can read: LibreChat's form, with the reference, not to be retried."""
    assert (got.status, got.headers["content-type"]) == (503, "application/json")
    assert got.headers["x-should-retry"] == "false"
    assert (got.error["type"], got.error["code"]) == ("enforcement_unavailable",) * 2
    inner = json.loads(got.error["message"])
    assert inner["type"] == "google_error"
    assert inner["info"].startswith("O controle de créditos está indisponível neste instante")
    assert inner["info"].endswith(f"(ref. {got.headers['x-request-id'][:6]})")
    assert len(inner["info"]) < 200


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 500, 503])
def test_refusal_of_authz_passes_unchanged(envoy: Stage, status: int) -> None:
    """No local reply rule touches what authz says, whatever its status."""
    tell(envoy, refuse(status, REFUSAL))
    got = envoy.chat(BODY)
    assert (got.status, got.body.decode()) == (status, REFUSAL)
    assert (got.headers["content-type"], got.headers["x-should-retry"]) == (
        "application/json",
        "false",
    )
    assert not envoy.upstream.arrived


def test_list_of_models_is_answered_by_authz(envoy: Stage) -> None:
    """Status 200 on the way of a denial: nothing goes upstream, and the client sees a list."""
    tell(envoy, build(Listed([{"id": "gpt-4o", "object": "model"}])))
    got = envoy.send("GET", "/v1/models", [("authorization", f"Bearer {CLIENT_KEY}")])
    assert (got.status, got.headers["content-type"]) == (200, "application/json")
    assert json.loads(got.body)["data"] == [{"id": "gpt-4o", "object": "model"}]
    assert not envoy.upstream.arrived


def test_what_is_left_reaches_the_client_and_not_litellm(envoy: Stage) -> None:
    """Headers for the answer go on the answer."""
    shown = {
        "x-pedagio-remaining": "5",
        "x-pedagio-remaining-usd": "0.000000005",
        "ratelimit-policy": '"credit";q=9;qu="micro-usd"',
        "ratelimit": '"credit";r=5',
    }
    tell(envoy, build(Allow({"x-pedagio-client": "c"}, shown=shown)))
    got = envoy.chat(BODY)
    assert got.status == 200
    assert {name: got.headers[name] for name in shown} == shown
    (arrived,) = envoy.upstream.arrived
    assert not any(name in arrived.headers for name in shown)


@pytest.mark.parametrize("status", [400, 401, 402, 404, 413, 429, 500, 503])
def test_answer_of_litellm_passes_unchanged(envoy: Stage, status: int) -> None:
    """What LiteLLM says is the client's; and it is asked once, whatever it says."""
    envoy.upstream.status = status
    got = envoy.chat(BODY)
    assert (got.status, got.body) == (status, b'{"answered": true}')
    assert len(envoy.upstream.arrived) == 1


def test_authz_with_a_bug_fails_closed(envoy: Stage) -> None:
    """An exception in authz refuses, in the form people can read."""
    for replica in envoy.authz:
        replica.answer = broken
    assert_unavailable(envoy.chat(BODY))
    assert not envoy.upstream.arrived


@pytest.mark.parametrize(
    "headers",
    [{"host": "evil"}, {"x_user_id": "somebody"}, {"x_pedagio_hold": "a\r\nb: c"}, {"cookie": "a"}],
)
def test_authz_setting_a_header_it_may_not_fails_closed(
    envoy: Stage, headers: dict[str, str]
) -> None:
    """Authz may set x-pedagio-*, two x-litellm-* and nothing else; else nobody is served."""
    tell(envoy, allow(**headers))
    assert_unavailable(envoy.chat(BODY))
    assert not envoy.upstream.arrived


def test_authz_removing_a_header_it_may_not_fails_closed(envoy: Stage) -> None:
    """Only `authorization` may be taken away."""
    tell(envoy, allow("x-user-id"))
    assert_unavailable(envoy.chat(BODY, ("x-user-id", "maria")))
    assert not envoy.upstream.arrived


def test_authz_away_fails_closed_then_comes_back(envoy: Stage) -> None:
    """Both replicas gone: 503 in under two seconds, nothing upstream; back: served again."""
    for replica in envoy.authz:
        replica.stop()
    assert_unavailable(envoy.chat(BODY))
    assert not envoy.upstream.arrived
    for replica in envoy.authz:
        replica.start()
    assert envoy.eventually(lambda: envoy.chat(BODY).status == 200)


def test_authz_frozen_fails_closed_within_its_timeout(envoy: Stage) -> None:
    """Nobody waits longer than the second that a check may take, one retry included."""
    for replica in envoy.authz:
        replica.free.clear()
    got = envoy.chat(BODY)
    assert_unavailable(got)
    ids = {asked.attributes.request.http.headers["x-request-id"] for asked in envoy.asked}
    assert ids == {got.headers["x-request-id"]}


def test_one_replica_away_refuses_nobody(envoy: Stage) -> None:
    """With one of two gone at once, the retry goes to the other: no request fails."""
    envoy.authz[0].stop()
    statuses = [envoy.chat(BODY).status for _ in range(30)]
    envoy.authz[0].start()
    assert set(statuses) == {200}


def test_slow_replica_is_retried_elsewhere_under_the_same_request_id(envoy: Stage) -> None:
    """The hold is named by x-request-id: both replicas must be asked under one name."""
    envoy.authz[0].free.clear()

    def tried_both() -> bool:
        envoy.authz[0].asked.clear()
        envoy.authz[1].asked.clear()
        return envoy.chat(BODY).status == 200 and bool(envoy.authz[0].asked)

    assert envoy.eventually(tried_both)
    ids = {asked.attributes.request.http.headers["x-request-id"] for asked in envoy.asked}
    assert (len(envoy.asked), len(ids)) == (2, 1)


def test_inject_client_gets_litellms_key(envoy: Stage) -> None:
    """Authz takes the client's key away, Envoy puts LiteLLM's in its place."""
    tell(envoy, allow("authorization"))
    assert envoy.chat(BODY).status == 200
    assert envoy.upstream.arrived[0].headers["authorization"] == f"Bearer {LITELLM_KEY}"


def test_pass_through_client_keeps_its_own_key(envoy: Stage) -> None:
    """Where authz leaves the header alone, it reaches LiteLLM as the client sent it."""
    tell(envoy, allow())
    assert envoy.chat(BODY).status == 200
    assert envoy.upstream.arrived[0].headers["authorization"] == CLIENT_KEY


def test_key_file_replaced_is_used_without_restart(envoy: Stage) -> None:
    """Rotation is a rename: the next requests carry the new key."""
    secrets = envoy.folder / "envoy" / "secrets"
    write_key(secrets, KEY_NAME, "sk-rotated")

    def rotated() -> bool:
        envoy.upstream.arrived.clear()
        envoy.chat(BODY)
        return envoy.upstream.arrived[0].headers["authorization"] == "Bearer sk-rotated"

    assert envoy.eventually(rotated)
    assert (secrets / f"{KEY_NAME}.yaml").stat().st_mode & 0o777 == 0o600
    write_key(secrets, KEY_NAME, LITELLM_KEY)


def test_stream_arrives_event_by_event(envoy: Stage) -> None:
    """Nothing on the way waits for the end of an answer."""
    envoy.upstream.go_on.clear()
    connection = http.client.HTTPConnection(HOST, envoy.port, timeout=WITHIN_S)
    headers = [("content-type", "application/json"), ("authorization", CLIENT_KEY)]
    answer = envoy.begin(
        connection, "POST", "/v1/chat/completions", headers, b'{"model":"m","stream":true}'
    )
    assert answer.readline() == b"data: 1\n"
    envoy.upstream.go_on.set()
    assert answer.read() == b"\ndata: 2\n\n"
    connection.close()


def test_litellm_away_is_told_in_openais_form(envoy: Stage) -> None:
    """LiteLLM down is no credit decision: another type, said at once instead of after seven tries."""
    (closed,) = free_ports(1)
    envoy.render(litellm_port=closed)
    try:
        assert envoy.eventually(lambda: envoy.chat(BODY).status == 503)
        got = envoy.chat(BODY)
        assert got.error["type"] == "upstream_unavailable"
        assert got.headers["x-should-retry"] == "false"
    finally:
        envoy.render()
    assert envoy.eventually(lambda: envoy.chat(BODY).status == 200)


def test_broken_route_file_leaves_the_last_good_one(envoy: Stage) -> None:
    """A misspelt field must not turn every path into 404."""
    path = envoy.folder / "envoy" / "config" / "routes.yaml"
    new = path.with_name("new.yaml")
    new.write_text(path.read_text().replace('"timeout"', '"timeuot"'))
    new.replace(path)
    log = envoy.child.log_path
    assert envoy.eventually(lambda: "timeuot" in log.read_text())
    assert envoy.chat(BODY).status == 200
    envoy.render()


def test_access_log_names_decision_and_hides_secrets(tmp_path: Path) -> None:
    """One JSON line a request: who, what was decided, how it ended; no key, body or query."""
    with stage(tmp_path / "e") as envoy:
        got = envoy.chat({"model": "m", "messages": ["a secret prompt"]})
        envoy.send("GET", "/v1/models?token=secret-query", [("authorization", CLIENT_KEY)])
    text = envoy.child.log_path.read_text()
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in text.splitlines() if line.startswith("{")
    ]
    chat = next(line for line in lines if line["route"] == "chat")
    assert (chat["decision"], chat["client"], chat["code"]) == ("allow", "librechat", 200)
    assert chat["request_id"] == got.headers["x-request-id"]
    assert not [word for word in ("a secret prompt", "secret-query", "sk-of") if word in text]


def test_headers_in_which_litellm_speaks_of_itself_stay_inside(envoy: Stage) -> None:
    """The upstream's address, keys' names and LiteLLM's cost figures are nobody's business."""
    got = envoy.chat({"model": "m"})
    assert got.status == 200
    assert not [name for name in got.headers if name.startswith(("x-litellm-", "llm_provider-"))]
