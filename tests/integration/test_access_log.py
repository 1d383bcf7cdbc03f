"""What the real Envoy tells accounting of a call, by stream and by file, however the call ended."""

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from accounting.access import log_file as access_file
from accounting.access.record import Row, row
from local.probe import HOST, free_ports
from protos import ext_authz_pb2 as pb
from tests.integration.access_stage import Witness, witnessed
from tests.integration.envoy_stage import CLIENT_KEY, Stage, allow, refuse
from tests.integration.envoy_upstream import WITHIN_S

BODY: Final = {"model": "m"}
PATH: Final = "/v1/chat/completions"
STREAM: Final = b'{"model":"m","stream":true}'
HEADERS: Final = [("content-type", "application/json"), ("authorization", CLIENT_KEY)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Witness]]:
    """One Envoy with one server for the whole module."""
    with witnessed(tmp_path_factory.mktemp("a")) as both:
        yield both


@pytest.fixture
def scene(running: tuple[Stage, Witness]) -> tuple[Stage, Witness]:
    """Both, connected and clean."""
    envoy, witness = running
    envoy.forget()
    assert envoy.eventually(lambda: envoy.chat(BODY).status == 200)
    assert envoy.eventually(lambda: bool(witness.rows))
    envoy.forget()
    return running


def tell(envoy: Stage, answer: pb.CheckResponse) -> None:
    """Let both replicas answer the same."""
    for replica in envoy.authz:
        replica.answer = lambda _: answer


def body_of(envoy: Stage, witness: Witness, hold_id: str, stage: str = "end") -> Row:
    """The only row of a stage about one request."""
    found: list[Row] = []

    def there() -> bool:
        found[:] = [body for body in witness.of(hold_id) if body["stage"] == stage]
        return bool(found)

    assert envoy.eventually(there), witness.rows[-3:]
    (body,) = found
    return body


def line_of(envoy: Stage, hold_id: str) -> str:
    """The line of Envoy's own log about one request."""
    lines: list[str] = []

    def there() -> bool:
        text = envoy.child.log_path.read_text(encoding="utf-8")
        lines[:] = [line for line in text.splitlines() if hold_id in line]
        return bool(lines)

    assert envoy.eventually(there)
    (line,) = lines
    return line


def leave_early(envoy: Stage, gone_when: Callable[[], bool]) -> None:
    """A client that sends a whole request, then leaves before anything is answered."""
    body = json.dumps(BODY).encode()
    lines = [f"POST {PATH} HTTP/1.1", "host: x", *(f"{name}: {value}" for name, value in HEADERS)]
    head = "\r\n".join([*lines, f"content-length: {len(body)}", "", ""])
    with socket.create_connection((HOST, envoy.port)) as client:
        client.sendall(head.encode() + body)
        assert envoy.eventually(gone_when)


def asked_id(envoy: Stage) -> str:
    """The request id of the only check."""
    return str(envoy.last_asked().request.http.headers["x-request-id"])


def succeed(envoy: Stage) -> str:
    """A plain answer."""
    return envoy.chat(BODY).headers["x-request-id"]


def stream(envoy: Stage) -> str:
    """A whole stream."""
    return envoy.chat(STREAM).headers["x-request-id"]


def leave_in_the_stream(envoy: Stage) -> str:
    """A client that leaves after the first event."""
    envoy.upstream.go_on.clear()
    connection = http.client.HTTPConnection(HOST, envoy.port, timeout=WITHIN_S)
    answer = envoy.begin(connection, "POST", PATH, HEADERS, STREAM)
    assert answer.readline() == b"data: 1\n"
    hold_id = answer.getheader("x-request-id")
    answer.close()
    connection.close()
    return str(hold_id)


def leave_before_a_byte(envoy: Stage) -> str:
    """A client that leaves while LiteLLM is silent."""
    envoy.upstream.go_on.clear()
    leave_early(envoy, lambda: bool(envoy.upstream.arrived))
    return asked_id(envoy)


def leave_during_the_check(envoy: Stage) -> str:
    """A client that leaves while authz decides; the hold may be placed."""
    for replica in envoy.authz:
        replica.free.clear()
    leave_early(envoy, lambda: bool(envoy.asked))
    return asked_id(envoy)


def no_upstream(envoy: Stage) -> str:
    """LiteLLM is down."""
    (closed,) = free_ports(1)
    envoy.render(litellm_port=closed)
    try:
        assert envoy.eventually(lambda: envoy.chat(BODY).status == 503)
        got = envoy.chat(BODY)
    finally:
        envoy.render()
        assert envoy.eventually(lambda: envoy.chat(BODY).status == 200)
    return got.headers["x-request-id"]


def upstream_breaks_off(envoy: Stage) -> str:
    """LiteLLM takes the request, then closes the connection."""
    envoy.upstream.breaks_off = True
    return envoy.chat(BODY).headers["x-request-id"]


def upstream_refuses(envoy: Stage) -> str:
    """LiteLLM says 404."""
    envoy.upstream.status = 404
    return envoy.chat(BODY).headers["x-request-id"]


def authz_breaks(envoy: Stage) -> str:
    """Both replicas have a bug: whether there is a hold, nobody knows."""
    for replica in envoy.authz:
        replica.answer = lambda _: pb.CheckResponse(status=pb.Status(code=99999))
        replica.stop()
    try:
        return envoy.chat(BODY).headers["x-request-id"]
    finally:
        for replica in envoy.authz:
            replica.start()


SAID = {"decision": "allow", "reason": "", "mode": "enforce", "client": "librechat", "account": "7"}
UNSAID = dict.fromkeys(SAID, "")
VIA, LEFT, RESET = (
    "via_upstream",
    "downstream_remote_disconnect",
    "upstream_reset_before_response_started",
)
# Situation: code, details, flags, upstream, bytes sent, content type, first byte seen, what authz said.
SITUATIONS: list[tuple[Callable[[Stage], str], tuple[Any, ...]]] = [
    (succeed, (200, VIA, [], True, 18, "json", True, SAID)),
    (stream, (200, VIA, [], True, 18, "stream", True, SAID)),
    (upstream_refuses, (404, VIA, [], True, 18, "json", True, SAID)),
    (leave_in_the_stream, (200, LEFT, ["DC"], True, 9, "stream", True, SAID)),
    (leave_before_a_byte, (None, LEFT, ["DC"], True, 0, None, False, SAID)),
    (leave_during_the_check, (None, LEFT, ["DC"], False, 0, None, False, UNSAID)),
    (upstream_breaks_off, (503, RESET, ["UC"], True, 218, "json", False, SAID)),
    (no_upstream, (503, RESET, ["UF", "URX"], False, 218, "json", False, SAID)),
    (authz_breaks, (503, "ext_authz_error", ["UAEX"], False, 264, "json", False, UNSAID)),
]


@pytest.mark.parametrize(("happen", "wanted"), SITUATIONS, ids=lambda v: getattr(v, "__name__", ""))
def test_entry_of_each_ending_says_how_it_ended_and_the_file_says_the_same(
    scene: tuple[Stage, Witness], happen: Callable[[Stage], str], wanted: tuple[Any, ...]
) -> None:
    """The evidence by which holds close; the file's row is the stream's, so a replay finds duplicates."""
    envoy, witness = scene
    hold_id = happen(envoy)
    body = body_of(envoy, witness, hold_id)
    names = ("code", "details", "flags", "upstream", "bytes_sent", "content_type")
    code, details, flags, upstream, sent, content, first_byte, said = wanted
    assert [body[name] for name in names] == [code, details, flags, upstream, sent, content]
    assert (body["first_byte_ms"] is not None) == first_byte
    assert {name: body[name] for name in SAID} == said
    assert (body["route"], body["bytes_received"] > 0) == ("chat", True)
    entry = access_file.read(line_of(envoy, hold_id))
    assert entry is not None
    replayed = row(entry)
    (streamed,) = (row for row in witness.rows if row["hold_id"] == hold_id)
    assert replayed == streamed


def test_entry_of_a_call_without_upstream_closes_at_once(scene: tuple[Stage, Witness]) -> None:
    """Holds whose request went nowhere are told; all others wait for a report or for time."""
    envoy, witness = scene
    answered, unanswered = succeed(envoy), no_upstream(envoy)
    assert envoy.eventually(lambda: unanswered in witness.told)
    assert answered not in witness.told


def test_entries_of_refusals_and_other_paths_are_counted_only(scene: tuple[Stage, Witness]) -> None:
    """A refusal moved nothing; what is not metered is not even sent."""
    envoy, witness = scene
    before = dict(witness.counts)
    tell(envoy, refuse(402, "{}"))
    refused = envoy.chat(BODY).headers["x-request-id"]
    tell(envoy, allow("authorization"))
    free = envoy.send("GET", "/v1/models", HEADERS).headers["x-request-id"]
    last = succeed(envoy)
    body_of(envoy, witness, last)
    assert envoy.eventually(lambda: witness.counts.get("skipped", 0) > before.get("skipped", 0))
    assert witness.counts["skipped"] == before.get("skipped", 0) + 1
    assert not witness.of(refused) + witness.of(free)


def test_long_stream_shows_progress_before_its_end(scene: tuple[Stage, Witness]) -> None:
    """Evidence that it lives: one row, however often Envoy says it, then the end."""
    envoy, witness = scene
    envoy.upstream.go_on.clear()
    connection = http.client.HTTPConnection(HOST, envoy.port, timeout=WITHIN_S)
    answer = envoy.begin(connection, "POST", PATH, HEADERS, STREAM)
    hold_id = str(answer.getheader("x-request-id"))
    assert envoy.eventually(lambda: bool(witness.of(hold_id)))
    (progress, *_) = witness.of(hold_id)
    assert (progress["stage"], progress["bytes_sent"], progress["code"]) == ("progress", 9, 200)
    assert 900 < progress["duration_ms"] < 1000 * WITHIN_S
    envoy.upstream.go_on.set()
    assert answer.read().endswith(b"data: 2\n\n")
    connection.close()
    assert body_of(envoy, witness, hold_id)["bytes_sent"] == 18


def test_rows_hold_nothing_of_what_people_wrote(scene: tuple[Stage, Witness]) -> None:
    """Envoy passes values of the body along; none of them gets further than the socket."""
    envoy, witness = scene
    secret = "a secret prompt"
    body = {"model": secret, "prompt": secret, "user": secret, "previous_response_id": secret}
    got = envoy.chat(body, ("user-agent", secret), ("x-user-id", secret))
    body_of(envoy, witness, got.headers["x-request-id"])
    assert secret not in repr(witness.rows)


def test_stream_without_the_right_key_is_refused(scene: tuple[Stage, Witness]) -> None:
    """Whoever reaches the port could otherwise say that calls ended, and free their holds."""
    envoy, witness = scene
    witness.stop()
    other = Witness(envoy.access_log_port, keys=[b"another-key"])
    try:
        other.start()
        assert envoy.eventually(
            lambda: envoy.chat(BODY).status == 200 and "refused_stream" in other.counts
        )
        assert not other.rows
    finally:
        other.close()
        witness.start()


def test_server_away_slows_nobody_then_entries_come_again(scene: tuple[Stage, Witness]) -> None:
    """Without accounting Envoy serves as before; with it back, the next entries arrive."""
    envoy, witness = scene
    witness.stop()
    statuses = {envoy.chat(BODY).status for _ in range(50)}
    assert statuses == {200}
    witness.start()

    def heard() -> bool:
        hold_id = succeed(envoy)
        return envoy.eventually(lambda: bool(witness.of(hold_id)))

    seen = len(witness.rows)
    assert envoy.eventually(lambda: bool(succeed(envoy)) and len(witness.rows) > seen)
    assert heard()
