"""Which writer writes which format."""

from .about import About, ExportFormat, Writer
from .csv import CsvWriter
from .geojson import GeoJsonWriter
from .gpx import GpxWriter
from .kml import KmlWriter


def writer(format: ExportFormat, about: About) -> Writer:
    """A fresh writer, for one document."""
    match format:
        case ExportFormat.GEOJSON:
            return GeoJsonWriter(about)
        case ExportFormat.GPX:
            return GpxWriter(about)
        case ExportFormat.KML:
            return KmlWriter(about)
        case ExportFormat.CSV:
            return CsvWriter(about)
