"""Why an upload is refused, in words that its protocol can tell apart."""

from enum import StrEnum

from ofh.domain.errors import Code, HubError


class Reason(StrEnum):
    """Why an upload was refused, as exactly as its protocol wants to know."""

    NO_SUCH_KEY_ID = "no_such_key_id"
    TOKEN_INVALID = "token_invalid"  # noqa: S105 - a name
    TOKEN_EXPIRED = "token_expired"  # noqa: S105
    NOT_ALLOWED = "not_allowed"
    NO_SUCH_UPLOAD = "no_such_upload"
    INVALID_PART = "invalid_part"
    INVALID_PART_ORDER = "invalid_part_order"
    INVALID_ARGUMENT = "invalid_argument"
    PART_TOO_SMALL = "part_too_small"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    EXISTS = "exists"


_CODES = {
    Reason.NO_SUCH_KEY_ID: Code.UNAUTHENTICATED,
    Reason.TOKEN_INVALID: Code.UNAUTHENTICATED,
    Reason.TOKEN_EXPIRED: Code.UNAUTHENTICATED,
    Reason.NOT_ALLOWED: Code.FORBIDDEN,
    Reason.NO_SUCH_UPLOAD: Code.GONE,
    Reason.TOO_LARGE: Code.TOO_LARGE,
    Reason.TOO_MANY: Code.RATE_LIMITED,
    Reason.EXISTS: Code.CONFLICT,
}


class UploadRefused(HubError):
    """A refusal with its exact reason."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(_CODES.get(reason, Code.BAD_INPUT), message)
        self.reason = reason
