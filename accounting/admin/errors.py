"""What a use case may answer instead of a result; each text is a sentence for the administrator."""


class AdminError(Exception):
    """The request was understood, but not done."""


class InvalidFieldError(AdminError):
    """A field of the request cannot be used; the sentence begins with its name."""

    def __init__(self, field: str, problem: str) -> None:
        """`field` as in admin.proto, `problem` as in `must not be empty`."""
        super().__init__(f"{field} {problem}")
        self.field = field


class NotFoundError(AdminError):
    """What the request names does not exist."""


class AlreadyExistsError(AdminError):
    """What the request wants to create exists."""


class ConflictError(AdminError):
    """The request contradicts what is recorded."""


class UpstreamError(AdminError):
    """A part that this depends on (LiteLLM) did not answer, or not as it should."""
