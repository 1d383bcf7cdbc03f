"""authz asked for the key alone: it says whether it knows it, and nothing follows from that."""

from pathlib import Path
from typing import Any

from authz.server import KEY_STAGE
from protos import ext_authz_pb2 as pb
from protos import ext_authz_pb2_grpc as pb_grpc
from tests.books import Books
from tests.integration.doors import RPC_WITHIN_S, Replica, held, new_id, refusal_of
from tests.unit.door import a_check


async def recognise(authz: Replica, **headers: Any) -> pb.CheckResponse:
    """Envoy's question before a large body."""
    asked = a_check({}, x_request_id=new_id(), **headers)
    stub = pb_grpc.AuthorizationStub(authz.channel)
    answer: pb.CheckResponse = await stub.Check(asked, timeout=RPC_WITHIN_S, metadata=(KEY_STAGE,))
    return answer


async def test_question_about_a_key_places_nothing_and_allows_nothing_else(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """Known: go on, without a header or a word for the access log. Unknown: 401. No hold in either case."""
    async with Replica(tmp_path, database_url) as authz:
        known = await recognise(authz, authorization="Bearer librechat")
        assert (known.status.code, known.WhichOneof("http_response")) == (0, "ok_response")
        assert not known.ok_response.headers
        assert not known.dynamic_metadata.fields
        for stranger in ({"authorization": "Bearer nobody"}, {"authorization": ""}):
            assert refusal_of(await recognise(authz, **stranger)) == (401, "unknown_key")
        assert await held(books) == 0
