"""What a use case may answer instead of a result; each text is a sentence for the administrator."""


class AdminError(Exception):
    """The request was understood, but not done."""


class InvalidFieldError(AdminError):
    """A field of the request cannot be used; the sentence begins with its name."""

    def __init__(self, field: str, problem: str) -> None:
        """`field` as in admin.proto, `problem` as in `must not be empty`."""
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem


class NotFoundError(AdminError):
    """What the request names does not exist."""


class AlreadyExistsError(AdminError):
    """What the request wants to create exists."""


class ConflictError(AdminError):
    """The request contradicts what is recorded."""


class ForbiddenError(AdminError):
    """No role of the caller's includes this, or it is the caller's own credit."""


class ProposedError(ConflictError):
    """Not done, but stored: somebody else has to confirm it."""

    def __init__(self, proposal_id: int, days: int) -> None:
        """`days`: for how long it waits."""
        super().__init__(
            f"this is more than one administrator gives alone in a day: proposal {proposal_id} waits {days} days "
            f"for somebody else (pedagio approvals confirm {proposal_id} --reason ...)"
        )
        self.proposal_id = proposal_id


class TooManyError(AdminError):
    """So many in so short a time that no person does it."""


class UpstreamError(AdminError):
    """A part that this depends on (LiteLLM) did not answer, or not as it should."""
