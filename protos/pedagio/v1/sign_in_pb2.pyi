from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class SignInRequest(_message.Message):
    __slots__ = ("email", "password", "peer", "device", "old_token")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    OLD_TOKEN_FIELD_NUMBER: _ClassVar[int]
    email: str
    password: str
    peer: str
    device: str
    old_token: str
    def __init__(self, email: _Optional[str] = ..., password: _Optional[str] = ..., peer: _Optional[str] = ..., device: _Optional[str] = ..., old_token: _Optional[str] = ...) -> None: ...

class SignInResponse(_message.Message):
    __slots__ = ("token", "expires_at_ms", "wait_s", "email")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_MS_FIELD_NUMBER: _ClassVar[int]
    WAIT_S_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    token: str
    expires_at_ms: int
    wait_s: int
    email: str
    def __init__(self, token: _Optional[str] = ..., expires_at_ms: _Optional[int] = ..., wait_s: _Optional[int] = ..., email: _Optional[str] = ...) -> None: ...

class SignInVouchedRequest(_message.Message):
    __slots__ = ("email", "peer", "old_token")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    OLD_TOKEN_FIELD_NUMBER: _ClassVar[int]
    email: str
    peer: str
    old_token: str
    def __init__(self, email: _Optional[str] = ..., peer: _Optional[str] = ..., old_token: _Optional[str] = ...) -> None: ...

class SignOutRequest(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class SignOutResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReadInviteRequest(_message.Message):
    __slots__ = ("code",)
    CODE_FIELD_NUMBER: _ClassVar[int]
    code: str
    def __init__(self, code: _Optional[str] = ...) -> None: ...

class ReadInviteResponse(_message.Message):
    __slots__ = ("email",)
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    email: str
    def __init__(self, email: _Optional[str] = ...) -> None: ...

class SetFirstPasswordRequest(_message.Message):
    __slots__ = ("code", "password")
    CODE_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    code: str
    password: str
    def __init__(self, code: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class ChangePasswordRequest(_message.Message):
    __slots__ = ("current", "password")
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    current: str
    password: str
    def __init__(self, current: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class InviteAdminRequest(_message.Message):
    __slots__ = ("email", "reason")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    email: str
    reason: str
    def __init__(self, email: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class InviteAdminResponse(_message.Message):
    __slots__ = ("code", "expires_at_ms", "address")
    CODE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_MS_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    code: str
    expires_at_ms: int
    address: str
    def __init__(self, code: _Optional[str] = ..., expires_at_ms: _Optional[int] = ..., address: _Optional[str] = ...) -> None: ...
