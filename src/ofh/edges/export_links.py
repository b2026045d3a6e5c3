"""Where exports are found: the one place that writes these URLs, for every edge that gives them out."""

from datetime import UTC, datetime
from urllib.parse import urlencode

from ofh.domain.exports.about import ExportFormat

PATH = "/export"


class ExportLinks:
    """Absolute URLs; whoever follows one has to show who they are, as everywhere.

    Args:
        public_url: where people reach the hub.
    """

    def __init__(self, public_url: str) -> None:
        self._base = public_url.rstrip("/") + PATH

    def flight(self, flight_id: int, format: ExportFormat) -> str:
        """The file of a flight."""
        return f"{self._base}/flight/{flight_id}.{format.suffix}"

    def drone(self, drone_id: int, start: datetime, end: datetime, format: ExportFormat) -> str:
        """The file of where a drone was from one time to another."""
        span = urlencode({"from": _time(start), "to": _time(end)})
        return f"{self._base}/drone/{drone_id}.{format.suffix}?{span}"


def _time(at: datetime) -> str:
    """With `Z` for UTC: a `+` would have to be escaped, and is easily lost when people copy it."""
    return at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
