"""Where a bucket is and how to get in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Place:
    """A bucket of an S3 server."""

    bucket: str
    region: str
    endpoint: str | None
    """scheme://host[:port]; None: AWS's own of the region."""
    access_key_id: str | None
    """None: as the machine has it, by environment or role."""
    secret: str | None
    style: str
    """`path`, `virtual`, or `auto`: path where the endpoint is an address."""
