"""Where exports are found: the one place that writes these URLs, for every edge that gives them out."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlencode

from ofh.domain.exports.about import ExportFormat
from ofh.services.media import MediaFilter

from . import media_selection

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
        span = urlencode({"from": media_selection.write_time(start), "to": media_selection.write_time(end)})
        return f"{self._base}/drone/{drone_id}.{format.suffix}?{span}"

    def media(self, workspace_id: int, wanted: MediaFilter, ids: Sequence[int] | None = None) -> str:
        """The archive of a selection of a workspace's media."""
        said = urlencode(media_selection.write(wanted, ids), safe=",")
        return f"{self._base}/workspace/{workspace_id}/media.zip" + (f"?{said}" if said else "")
