"""Where files are found: the one place that writes these URLs, for every edge that gives them out."""

PATH = "/api/file/data"
THUMBNAIL_PATH = "/api/file/thumbnail"


class FileLinks:
    """Absolute URLs; whoever follows one has to show who they are, as everywhere.

    Args:
        public_url: where people reach the hub.
    """

    def __init__(self, public_url: str) -> None:
        self._base = public_url.rstrip("/")

    def data(self, file_id: int) -> str:
        """The bytes of a file."""
        return f"{self._base}{PATH}/{file_id}"

    def thumbnail(self, file_id: int) -> str:
        """A small picture of it."""
        return f"{self._base}{THUMBNAIL_PATH}/{file_id}"
