"""Tracks as files: links to the downloads of `edges/exports`."""

import strawberry

from ofh.domain.exports.about import ExportFormat
from ofh.edges.graphql.scalars import describe

describe(
    ExportFormat,
    "ExportFormat",
    "What a track can be downloaded as.",
    {
        ExportFormat.GEOJSON: "RFC 7946: the line, with times and quantities in `coordinateProperties`.",
        ExportFormat.GPX: "GPX 1.1: a track with times, speeds in Garmin's extension.",
        ExportFormat.KML: "KML 2.2 with times (gx:Track).",
        ExportFormat.CSV: "A table with a line for each report and units in the header.",
    },
)


@strawberry.type(description="A file of a track, made while it is downloaded.")
class Export:
    format: ExportFormat = strawberry.field(description="What it is written as.")
    url: str = strawberry.field(
        description="Where to download it, with the session's cookie or the access token that the API takes."
    )
