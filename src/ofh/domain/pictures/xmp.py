"""What an XMP packet says, name by name (XMP specification, part 1; DJI's names as its cameras write them).

A packet is XML from a stranger: no document type, no entity, nothing outside of it is ever looked at, and depth and
number of elements are bounded. A property may stand as an attribute or as an element, in one description or in several.
"""

from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import DefusedXMLParser  # type: ignore[import-untyped]

MAX_DEPTH = 64
MAX_ELEMENTS = 20_000
MAX_NAMES = 1_024
MAX_VALUE = 4_096
"""Characters of a value; the longest of DJI's has some 200."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DESCRIPTION = f"{{{_RDF}}}Description"
_DJI = "dji.com/drone-dji/"
"""In the address of the namespace of DJI's own names, whatever stands around it."""
_PREFIXES = {
    "http://ns.adobe.com/xap/1.0/": "xmp:",
    "http://ns.adobe.com/tiff/1.0/": "tiff:",
    "http://ns.adobe.com/exif/1.0/": "exif:",
    "http://ns.adobe.com/xmp/note/": "xmpNote:",
    "http://ns.google.com/photos/1.0/panorama/": "GPano:",
    "http://pix4d.com/camera/1.0": "Camera:",
    "http://pix4d.com/camera/1.0/": "Camera:",
}
"""The other namespaces that are kept, and what their names begin with here; DJI's names stand for themselves."""
EXTENSION = "xmpNote:HasExtendedXMP"


class BadXmp(Exception):
    """Not XML, or some that is refused."""


def read_packet(packet: bytes) -> dict[str, str]:
    """Name → value as text, of what a packet says in a known namespace; of one that stands twice, the first.

    Raises:
        BadXmp: it is no XML, has a document type or entities, or goes beyond the bounds.
    """
    found = _Properties()
    parser: Any = DefusedXMLParser(target=found, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    try:
        parser.feed(packet.strip(b"\0 \t\r\n"))
        parser.close()
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:  # the last two: an odd encoding
        raise BadXmp(type(error).__name__) from error
    return found.values


class _Properties:
    """Takes the parser's events; no tree is ever made."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self._open: list[str | None] = []
        """The names of the elements that are open; None for what is not a property."""
        self._text: list[str] = []
        self._elements = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._elements += 1
        if len(self._open) >= MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise BadXmp("bounds")
        if tag == _DESCRIPTION:
            for name, value in attributes.items():
                self._keep(_name_of(name), value)
        self._open.append(_name_of(tag))
        self._text = []

    def data(self, text: str) -> None:
        """Some text."""
        self._text.append(text)

    def end(self, _tag: str) -> None:
        """An element ends; where it holds text alone, that is its value."""
        self._keep(self._open.pop(), "".join(self._text))
        self._text = []

    def close(self) -> None:
        """The packet ends."""

    def _keep(self, name: str | None, value: str) -> None:
        value = value.strip()
        if name is None or not value or len(value) > MAX_VALUE or len(self.values) >= MAX_NAMES:
            return
        self.values.setdefault(name, value)


def _name_of(tag: str) -> str | None:
    """`{namespace}name` as it is called here; None for what is not kept."""
    if not tag.startswith("{"):
        return None
    space, _, name = tag[1:].partition("}")
    if len(name) > 128:
        return None
    if _DJI in space:
        return name
    prefix = _PREFIXES.get(space)
    return None if prefix is None else prefix + name
