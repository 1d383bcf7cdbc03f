"""The page behind an address in a mail to an approver: a look, then one button."""

from typing import Any, Final

import grpc
from fastapi import APIRouter, Request
from fastapi.responses import Response

from accounting.web.app import web_of
from accounting.web.desk import RefusedError
from accounting.web.person_forms import WHY_LIMIT
from protos.pedagio.v1 import requests_pb2 as pb
from protos.pedagio.v1.requests_pb2_grpc import RequestServiceStub

router = APIRouter()

# The button did it, or the page says what stands in its way.
STATUS: Final = {"stale": 410, "forbidden": 403, "own": 403}
CODE_LIMIT: Final = 64


@router.get("/a/{code}")
async def show(request: Request, code: str) -> Response:
    """Who asks, how much, why; nothing changes."""
    found = await _ask(request, "ReadDecision", pb.ReadDecisionRequest(code=code[:CODE_LIMIT]))
    return _page(request, found)


@router.post("/a/{code}")
async def decide(request: Request, code: str) -> Response:
    """The button; pressed again it says what it did."""
    answer = " ".join(str((await request.form()).get("answer", "")).split())
    found = await _ask(request, "ReadDecision", pb.ReadDecisionRequest(code=code[:CODE_LIMIT]))
    if found is not None and found.status == "open" and found.verb == "deny":
        wrong = _wrong(answer)
        if wrong:
            return _page(request, found, wrong=wrong, answer=answer)
    asked = pb.DecideRequest(code=code[:CODE_LIMIT], answer=answer[: WHY_LIMIT + 1])
    return _page(request, await _ask(request, "Decide", asked))


def _wrong(answer: str) -> str:
    if not answer:
        return "empty"
    if len(answer) > WHY_LIMIT:
        return "long"
    return "" if answer.isprintable() else "characters"


async def _ask(request: Request, method: str, message: Any) -> Any:
    """The decision, or None for a code that is none."""
    try:
        return await web_of(request).desk.ask(RequestServiceStub, method, message)
    except RefusedError as error:
        if error.code == grpc.StatusCode.NOT_FOUND:
            return None
        raise


def _page(request: Request, found: Any, *, wrong: str = "", answer: str = "") -> Response:
    look = web_of(request).look
    if found is None:
        return look.page(request, "approver/unknown.html", 404)
    status = 422 if wrong else STATUS.get(found.status, 200)
    return look.page(
        request, "approver/decision.html", status, found=found,
        asked=found.request if found.HasField("request") else None, wrong=wrong,
        answer=answer[:WHY_LIMIT],
    )  # fmt: skip
