"""A track as GPX 1.1: a track segment for each unbroken stretch.

`ele` is by convention above sea level; ours is above the ellipsoid, and `desc` says so. (`geoidheight` would tell the
difference, which nobody here knows.) Speed goes into Garmin's extension, which other programs read; what no extension
of others has goes into one of ours. The nose's heading is no course, so Garmin's `course` stays away.

Source: the GPX 1.1 schema of topografix.com, whose elements have a fixed order, and whose longitudes end before 180;
Garmin's TrackPointExtension, version 2.
"""

from collections.abc import Iterator, Sequence

from ofh.domain.tracks import TrackPoint

from .about import HEIGHTS, About, is_broken
from .texts import number, shown, time, xml

GPX = "http://www.topografix.com/GPX/1/1"
GARMIN = "http://www.garmin.com/xmlschemas/TrackPointExtension/v2"
OURS = "urn:x-openflighthub:gpx:1"
"""The namespace of our own elements: of the track the facts by the API's names, of a point `elevation` (metres above
take-off), `heading` (degrees clockwise from true north), `verticalSpeed` (m/s, upwards), `batteryPercent`."""


class GpxWriter:
    """See `Writer`."""

    def __init__(self, about: About) -> None:
        self._about = about
        self._last: TrackPoint | None = None

    def begin(self) -> Iterator[bytes]:
        """See `Writer.begin`."""
        about = self._about
        source = " ".join(part for part in (about.model, about.serial_number) if part)
        facts = "".join(f"<ofh:{name}>{xml(shown(value))}</ofh:{name}>" for name, value in about.facts().items())
        yield (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<gpx version="1.1" creator="OpenFlightHub" xmlns="{GPX}" xmlns:gpxtpx="{GARMIN}" xmlns:ofh="{OURS}">\n'
            f"<metadata><name>{xml(about.title)}</name><desc>{HEIGHTS}</desc></metadata>\n"
            f"<trk><name>{xml(about.title)}</name><desc>{HEIGHTS}</desc><src>{xml(source)}</src>"
            f"<extensions>{facts}</extensions>\n"
        ).encode()

    def add(self, points: Sequence[TrackPoint]) -> Iterator[bytes]:
        """See `Writer.add`."""
        lines = []
        for point in points:
            if is_broken(self._last, point):
                lines.append("<trkseg>\n" if self._last is None else "</trkseg>\n<trkseg>\n")
            lines.append(_trkpt(point))
            self._last = point
        yield "".join(lines).encode()

    def end(self) -> Iterator[bytes]:
        """See `Writer.end`."""
        if self._last is not None:
            yield b"</trkseg>\n"
        yield b"</trk>\n</gpx>\n"


def _trkpt(point: TrackPoint) -> str:
    longitude = -180.0 if point.longitude == 180 else point.longitude
    more = _extensions(point)
    return (
        f'<trkpt lat="{number(point.latitude)}" lon="{number(longitude)}"><ele>{number(point.height)}</ele>'
        f"<time>{time(point.time)}</time>{f'<extensions>{more}</extensions>' if more else ''}</trkpt>\n"
    )


def _extensions(point: TrackPoint) -> str:
    found = ""
    if point.horizontal_speed is not None:
        speed = f"<gpxtpx:speed>{number(point.horizontal_speed)}</gpxtpx:speed>"
        found = f"<gpxtpx:TrackPointExtension>{speed}</gpxtpx:TrackPointExtension>"
    if point.elevation is not None:
        found += f"<ofh:elevation>{number(point.elevation)}</ofh:elevation>"
    if point.heading is not None:
        found += f"<ofh:heading>{number(point.heading)}</ofh:heading>"
    if point.vertical_speed is not None:
        found += f"<ofh:verticalSpeed>{number(point.vertical_speed)}</ofh:verticalSpeed>"
    if point.battery_percent is not None:
        found += f"<ofh:batteryPercent>{number(point.battery_percent)}</ofh:batteryPercent>"
    return found
