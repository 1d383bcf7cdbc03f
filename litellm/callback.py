"""LiteLLM's side of Pedagio: translates LiteLLM's hooks, nothing else.

LiteLLM loads this file by its name in config.yaml (`callbacks: ["callback.pedagio"]`, first in
the list); it stands beside the package `pedagio_callback`, which knows no LiteLLM.
"""

from __future__ import annotations

import logging
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import ProxyException

sys.path.insert(0, str(Path(__file__).resolve().parent))

from pedagio_callback.assembly import Parts, assemble
from pedagio_callback.attempt import may_be_charged
from pedagio_callback.gate import Request
from pedagio_callback.refusal import Refusal, RefusedCallError

ROUTES = {
    "acompletion": "chat",
    "completion": "chat",
    "aresponses": "responses",
    "responses": "responses",
    "aembedding": "embeddings",
    "embeddings": "embeddings",
    "image_generation": "images",
    "aimage_generation": "images",
    "image_edit": "image_edits",
    "aimage_edit": "image_edits",
    "speech": "speech",
    "aspeech": "speech",
    "transcription": "transcriptions",
    "atranscription": "transcriptions",
    "moderation": "moderations",
    "amoderation": "moderations",
}

log = logging.getLogger("pedagio")


class RefusedByPedagioError(ProxyException):  # type: ignore[misc]  # LiteLLM ships no types to this check
    """A refusal in the form that LiteLLM sends to the client unchanged."""

    def __init__(self, refusal: Refusal) -> None:
        self._error = dict(refusal.error["error"])
        # Some of LiteLLM's endpoints make an exception of their own of it, and look for the status here.
        self.status_code = refusal.status
        super().__init__(
            message=str(self._error.get("message")),
            type=refusal.reason,
            param=None,
            code=refusal.status,
            headers={"x-should-retry": "false"},
        )

    def to_dict(self) -> dict[str, Any]:
        """The error object as it is: LiteLLM's own form puts the status into `code`."""
        return self._error


class Pedagio(CustomLogger):  # type: ignore[misc]  # LiteLLM ships no types to this check
    """The hooks. Those after a call never raise: a delivered answer stays delivered."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self._parts = parts

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str
    ) -> None:
        """Before anything goes upstream: may raise a refusal, may lower the output limit."""
        del user_api_key_dict, cache
        route = ROUTES.get(call_type)
        if route is None or self._parts.switch.is_off():
            return
        request = _request(data, route)
        try:
            await self._parts.gate.admit(request)
        except RefusedCallError as error:
            raise RefusedByPedagioError(error.refusal) from None
        except Exception:
            log.exception("pedagio: the gate stumbled")
            refusal = self._parts.gate.stumbled(request)
            if refusal is not None:
                raise RefusedByPedagioError(refusal) from None

    async def async_pre_call_deployment_hook(self, kwargs: dict[str, Any], call_type: Any) -> None:
        """Before each attempt: a second one needs a hold that the first cannot have used."""
        del call_type
        call = self._parts.calls.get(_text(kwargs.get("litellm_call_id")))
        if call is None:
            return
        call.model_id = _deployment(kwargs)
        if not call.enforced or self._parts.switch.is_off():
            return
        if call.spent_by is not None:
            raise call.spent_by
        if call.answering:
            # LiteLLM falls back in the middle of a broken stream, and prices only the last one.
            raise ConnectionError("the stream broke, and its hold is spent")

    async def async_post_call_failure_deployment_hook(
        self,
        request_data: Mapping[str, Any],
        exception: Exception,
        call_type: Any,
        fallback_depth: int | None = None,
    ) -> None:
        """After a failed attempt: remember whether it may have been charged."""
        del call_type, fallback_depth
        call = self._parts.calls.get(_text(request_data.get("litellm_call_id")))
        if call is not None and may_be_charged(exception):
            call.spent_by = exception

    async def async_post_call_success_hook(
        self, data: dict[str, Any], user_api_key_dict: Any, response: Any
    ) -> None:
        """A whole answer is about to be delivered."""
        del user_api_key_dict
        try:
            self._parts.evidence.answered(self._call(data), response)
        except Exception:
            log.exception("pedagio: an end could not be recorded")

    async def async_post_call_failure_hook(
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        user_api_key_dict: Any,
        traceback_str: str | None = None,
    ) -> None:
        """The call has failed for good; our own refusals are recorded where they are made."""
        del user_api_key_dict, traceback_str
        if isinstance(original_exception, RefusedByPedagioError):
            return
        try:
            self._parts.evidence.failed(self._call(request_data), original_exception)
        except Exception:
            log.exception("pedagio: an end could not be recorded")

    async def async_post_call_streaming_iterator_hook(
        self, user_api_key_dict: Any, response: Any, request_data: dict[str, Any]
    ) -> AsyncIterator[Any]:
        """A stream is delivered through this generator."""
        del user_api_key_dict
        stream = self._parts.evidence.watch(self._call(request_data), response)
        try:
            async for chunk in stream:
                yield chunk
        finally:
            # Closing here, not at garbage collection: the end record is written now.
            await stream.aclose()  # type: ignore[attr-defined]

    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """LiteLLM has priced a call."""
        del start_time, end_time
        self._cost(kwargs, response_obj)
        call = self._parts.calls.get(_text(kwargs.get("litellm_call_id")))
        if call is not None:
            self._parts.evidence.priced(call)

    async def async_log_failure_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """LiteLLM has given up an attempt; a stream that died in the middle has a cost."""
        del start_time, end_time
        if not isinstance(kwargs.get("exception"), RefusedByPedagioError):
            self._cost(kwargs, response_obj)

    def _cost(self, kwargs: Mapping[str, Any], response: Any) -> None:
        payload = kwargs.get("standard_logging_object")
        if not isinstance(payload, dict):
            return
        metadata = payload.get("metadata") or {}
        headers = metadata.get("requester_custom_headers") or {}
        tier = getattr(response, "service_tier", None)
        if not isinstance(tier, str):
            tier = (payload.get("model_parameters") or {}).get("service_tier")
        call_id = _text(payload.get("litellm_call_id") or kwargs.get("litellm_call_id"))
        evidence = self._parts.evidence
        evidence.cost(evidence.call_of(call_id, headers), payload, tier)

    def _call(self, data: Mapping[str, Any]) -> Any:
        asked = data.get("proxy_server_request") or {}
        call_id = _text(data.get("litellm_call_id"))
        return self._parts.evidence.call_of(call_id, asked.get("headers") or {})


def _request(data: dict[str, Any], route: str) -> Request:
    """The client's request: LiteLLM keeps a copy of the body from before its own additions.

    The copy lacks fields that carry credentials, headers for the provider among them: only named, so that they
    are judged like every other.
    """
    asked = data.get("proxy_server_request") or {}
    unseen = dict.fromkeys(asked.get("credential_fields") or ())
    return Request(
        call_id=_text(data.get("litellm_call_id")),
        route=route,
        headers=asked.get("headers") or {},
        body=unseen | (asked.get("body") or {}),
        data=data,
    )


def _deployment(kwargs: Mapping[str, Any]) -> str | None:
    """The id of the deployment an attempt goes to; LiteLLM keeps it in one of three places."""
    for holder in (kwargs, kwargs.get("metadata"), kwargs.get("litellm_metadata")):
        info = holder.get("model_info") if isinstance(holder, dict) else None
        if isinstance(info, dict) and isinstance(info.get("id"), str):
            return str(info["id"])
    return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _model_info(model: str) -> Mapping[str, Any]:
    import litellm

    return litellm.get_model_info(model)  # type: ignore[no-any-return]


def _router() -> Any:
    from litellm.proxy import proxy_server

    return proxy_server.llm_router


pedagio = Pedagio(
    assemble(
        os.environ,
        rules_file=Path(__file__).with_name("allowed_body.json"),
        router=_router,
        model_info=_model_info,
        clock=time.monotonic,
        now_s=time.time,
        new_id=lambda: uuid.uuid4().hex,
    )
)
