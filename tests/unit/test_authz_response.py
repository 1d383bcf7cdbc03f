"""Translation out: an answer that forgets its code would ALLOW the request."""

import ast
import json
from pathlib import Path

import pytest

from authz.response import Allow, Known, Listed, Refuse, build
from credit.refusal import STATUS, Reason

SEEN = {"hold": "h", "client": "librechat", "mode": "enforce"}


@pytest.mark.parametrize("style", ["librechat", "plain"])
@pytest.mark.parametrize("reason", Reason)
def test_refusal_of_any_reason_denies(reason: Reason, style: str) -> None:
    """Non-zero code, the HTTP status of the reason, an OpenAI error that is not to be retried."""
    answer = build(Refuse(reason, "Não.", style, "n", SEEN))
    assert answer.status.code != 0
    assert answer.WhichOneof("http_response") == "denied_response"
    denied = answer.denied_response
    assert denied.status.code == STATUS[reason]
    headers = {option.header.key: option.header.value for option in denied.headers}
    assert headers == {"content-type": "application/json", "x-should-retry": "false"}
    assert json.loads(denied.body)["error"]["code"] == reason
    seen = dict(answer.dynamic_metadata.items())
    assert seen == SEEN | {"decision": "refuse", "reason": reason}


def test_allow_says_so_with_its_headers() -> None:
    """Headers to set, headers to remove, and what the access log shall show."""
    answer = build(Allow({"x-pedagio-client": "librechat"}, ("authorization",), SEEN))
    assert answer.status.code == 0
    assert answer.WhichOneof("http_response") == "ok_response"
    (option,) = answer.ok_response.headers
    assert (option.header.key, option.header.value) == ("x-pedagio-client", "librechat")
    assert option.append_action == option.OVERWRITE_IF_EXISTS_OR_ADD
    assert list(answer.ok_response.headers_to_remove) == ["authorization"]
    assert dict(answer.dynamic_metadata.items()) == SEEN | {"decision": "allow"}


def test_allow_shows_headers_to_the_client() -> None:
    """They go on the answer, not on the request."""
    answer = build(Allow({}, (), SEEN, {"x-pedagio-remaining": "5"}))
    (option,) = answer.ok_response.response_headers_to_add
    assert (option.header.key, option.header.value) == ("x-pedagio-remaining", "5")
    assert option.append_action == option.OVERWRITE_IF_EXISTS_OR_ADD
    assert not answer.ok_response.headers


@pytest.mark.parametrize("models", [[], [{"id": "gpt-4o", "object": "model"}]])
def test_list_is_answered_in_place_of_litellm(models: list[dict[str, str | int]]) -> None:
    """The way of a denial with status 200: a forgotten code would send the request on."""
    answer = build(Listed(models, SEEN))
    assert answer.status.code != 0
    denied = answer.denied_response
    assert denied.status.code == 200
    assert json.loads(denied.body) == {"object": "list", "data": models}
    headers = {option.header.key: option.header.value for option in denied.headers}
    assert headers == {"content-type": "application/json"}
    assert dict(answer.dynamic_metadata.items()) == SEEN | {"decision": "answer"}


def test_known_key_lets_envoy_go_on_and_says_nothing() -> None:
    """No header, and no decision in the access log: none has been made."""
    answer = build(Known())
    assert (answer.status.code, answer.WhichOneof("http_response")) == (0, "ok_response")
    assert not answer.ok_response.headers
    assert not answer.dynamic_metadata.fields


def test_answers_are_built_in_one_place(root: Path) -> None:
    """No other module of authz creates a CheckResponse: an empty one allows."""
    builders = set()
    for path in (root / "authz").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("CheckResponse"):
                builders.add(path.name)
    assert builders == {"response.py"}
