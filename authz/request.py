"""Translation in: what Envoy sends in a CheckRequest, as plain values of ours.

Envoy's types stop here. The body never comes: only the scalar fields that Envoy's
json_to_metadata filter read (protocol.md 6, facts-envoy.md).
"""

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import struct_pb2

from credit.identity import fold_email, is_external_id
from protos import ext_authz_pb2 as pb

BODY_NAMESPACE = "pedagio.body"
# Envoy reads no other (listener.yaml), and says of body and type alike that it could not.
FORM_TYPE = "multipart/form-data"
READABLE_TYPE = re.compile(r'application/json\s*(;\s*charset="?utf-8"?\s*)?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Request:
    """One request at the door. `size_bytes` is the exact body size; `body` its scalar top-level keys.

    `hold_id` is Envoy's x-request-id as canonical UUID text, or empty when there is none: every other
    text would fail in the ledger, and with it the holds of the people in the same batch. `is_form`: the
    body is multipart, of which nothing is read here.
    """

    hold_id: str
    key_sha256: bytes | None
    path: str
    has_query: bool
    user_header: str | None
    size_bytes: int
    body: Mapping[str, Any] = field(default_factory=dict)
    is_form: bool = False
    email_header: str | None = None

    @property
    def external_id(self) -> str | None:
        """The person's id, or None when the header is no identity."""
        value = (self.user_header or "").strip()
        return value if is_external_id(value) else None

    @property
    def email(self) -> str | None:
        """The person's e-mail as the client says it, or None when the header is none."""
        return fold_email(self.email_header or "")


def read(check: pb.CheckRequest) -> Request:
    """Translate; never raises, whatever the bytes said (absent parts read as empty)."""
    http = check.attributes.request.http
    path, query, _ = http.path.partition("?")
    struct = check.attributes.metadata_context.filter_metadata.get(BODY_NAMESPACE)
    return Request(
        hold_id=_uuid_text(http.headers.get("x-request-id", "")),
        key_sha256=_key_digest(http.headers.get("authorization", "")),
        path=path,
        has_query=bool(query),
        user_header=http.headers.get("x-user-id"),
        size_bytes=max(http.size, 0),
        body=_body(struct, http.headers.get("content-type", "")),
        is_form=_is_form(http.headers.get("content-type", "")),
        email_header=http.headers.get("x-user-email"),
    )


def _body(struct: struct_pb2.Struct | None, content_type: str) -> Mapping[str, Any]:
    """The scalar keys; `unreadable` names what a client must repair, `content-type` or `body`."""
    if struct is None:
        return {}
    body = {name: _plain(value) for name, value in struct.fields.items()}
    if body.get("unreadable"):
        body["unreadable"] = "body" if READABLE_TYPE.fullmatch(content_type) else "content-type"
    return body


def _is_form(content_type: str) -> bool:
    """As LiteLLM decides it; several types in one header are none."""
    return content_type.partition(";")[0].strip().lower() == FORM_TYPE


def _uuid_text(header: str) -> str:
    try:
        return str(uuid.UUID(header))
    except ValueError:
        return ""


def _key_digest(header: str) -> bytes | None:
    scheme, _, key = header.partition(" ")
    key = key.strip()
    return hashlib.sha256(key.encode()).digest() if scheme.lower() == "bearer" and key else None


def _plain(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind in {None, "null_value"}:
        return None
    if kind in {
        "struct_value",
        "list_value",
    }:  # json_to_metadata passes scalars only; be safe anyway
        return ...
    return getattr(value, str(kind))
