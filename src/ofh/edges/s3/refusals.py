"""What the S3 protocol calls each refusal: one table from our codes to its own, with their statuses.

Source: the list of error codes in the API reference of Amazon S3.
"""

from dataclasses import dataclass

from ofh.domain.errors import Code, HubError
from ofh.services.upload_refusals import Reason, UploadRefused


class S3Refusal(Exception):
    """A refusal in the protocol's own words.

    Args:
        code: from the protocol's list.
        message: a sentence that the client's user can act on.
        status: of the HTTP answer.
        fields: further elements of the answer's XML.
        retry_after_s: seconds to wait.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        *,
        fields: dict[str, str] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields or {}
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class _Wire:
    code: str
    status: int


REASONS: dict[Reason, _Wire] = {
    Reason.NO_SUCH_KEY_ID: _Wire("InvalidAccessKeyId", 403),
    Reason.TOKEN_INVALID: _Wire("InvalidToken", 400),
    Reason.TOKEN_EXPIRED: _Wire("ExpiredToken", 400),
    Reason.NOT_ALLOWED: _Wire("AccessDenied", 403),
    Reason.NO_SUCH_UPLOAD: _Wire("NoSuchUpload", 404),
    Reason.INVALID_PART: _Wire("InvalidPart", 400),
    Reason.INVALID_PART_ORDER: _Wire("InvalidPartOrder", 400),
    Reason.INVALID_ARGUMENT: _Wire("InvalidArgument", 400),
    Reason.PART_TOO_SMALL: _Wire("EntityTooSmall", 400),
    Reason.TOO_LARGE: _Wire("EntityTooLarge", 413),
    Reason.TOO_MANY: _Wire("SlowDown", 503),
    Reason.EXISTS: _Wire("PreconditionFailed", 412),
}

CODES: dict[Code, _Wire] = {
    Code.BAD_INPUT: _Wire("InvalidRequest", 400),
    Code.UNAUTHENTICATED: _Wire("AccessDenied", 403),
    Code.FORBIDDEN: _Wire("AccessDenied", 403),
    Code.GONE: _Wire("NoSuchKey", 404),
    Code.NO_COVERAGE: _Wire("InvalidRequest", 400),
    Code.CONFLICT: _Wire("OperationAborted", 409),
    Code.RATE_LIMITED: _Wire("SlowDown", 503),
    Code.TOO_COMPLEX: _Wire("InvalidRequest", 400),
    Code.TOO_LARGE: _Wire("EntityTooLarge", 413),
    Code.UNAVAILABLE: _Wire("ServiceUnavailable", 503),
}


def as_s3(error: HubError) -> S3Refusal:
    """A refusal of ours in the protocol's words."""
    wire = REASONS[error.reason] if isinstance(error, UploadRefused) else CODES[error.code]
    wait = error.retry_after_s or (5 if wire.status == 503 else None)
    return S3Refusal(wire.code, error.message, wire.status, retry_after_s=wait)


def denied(message: str = "Access Denied") -> S3Refusal:
    """What these credentials may not do."""
    return S3Refusal("AccessDenied", message, 403)


def invalid(message: str) -> S3Refusal:
    """A request that contradicts itself."""
    return S3Refusal("InvalidRequest", message, 400)
