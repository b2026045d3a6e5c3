"""What the dashboard takes from npm, copied into `static/vendor` with licences, versions and checksums.

    scripts/vendor_dashboard.py           copy anew from `compat/clients/dashboard/node_modules` (`npm ci` there first)
    scripts/vendor_dashboard.py --check   whether the files are those that the README there names; needs no network

The versions are those of `compat/clients/dashboard/package.json`, against whose packages types are checked.
"""

import hashlib
import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CLIENT = ROOT / "compat/clients/dashboard"
PACKAGES = CLIENT / "node_modules"
VENDOR = ROOT / "src/ofh/edges/dashboard/static/vendor"

FILES: Mapping[str, tuple[str, str]] = {
    "lit-html/lit-html.js": ("lit-html", "lit-html.js"),
    "lit-html/directive.js": ("lit-html", "directive.js"),
    "lit-html/directive-helpers.js": ("lit-html", "directive-helpers.js"),
    "lit-html/directives/repeat.js": ("lit-html", "directives/repeat.js"),
    "lit-html/directives/live.js": ("lit-html", "directives/live.js"),
    "lit-html/directives/if-defined.js": ("lit-html", "directives/if-defined.js"),
    "lit-html/LICENSE": ("lit-html", "LICENSE"),
    "graphql-ws/client.js": ("graphql-ws", "dist/client.js"),
    "graphql-ws/common-CGW11Fyb.js": ("graphql-ws", "dist/common-CGW11Fyb.js"),
    "graphql-ws/LICENSE.md": ("graphql-ws", "LICENSE.md"),
    "maplibre-gl/maplibre-gl.mjs": ("maplibre-gl", "dist/maplibre-gl.mjs"),
    "maplibre-gl/maplibre-gl-worker.mjs": ("maplibre-gl", "dist/maplibre-gl-worker.mjs"),
    "maplibre-gl/maplibre-gl.css": ("maplibre-gl", "dist/maplibre-gl.css"),
    "maplibre-gl/LICENSE.txt": ("maplibre-gl", "LICENSE.txt"),
    "hls.js/hls.light.min.mjs": ("hls.js", "dist/hls.light.min.mjs"),
    "hls.js/LICENSE": ("hls.js", "LICENSE"),
    "qrcode-generator/qrcode.mjs": ("qrcode-generator", "dist/qrcode.mjs"),
}
"""Name here: package, name in it. All are unchanged."""
WORLD = "world.json"
LICENCES = {
    "lit-html": "BSD-3-Clause",
    "graphql-ws": "MIT",
    "maplibre-gl": "BSD-3-Clause",
    "hls.js": "Apache-2.0",
    "qrcode-generator": "MIT",
    "world-atlas": "ISC; the data are Natural Earth's, public domain",
}
DIGITS = 3
"""Of a degree: a hundred metres, finer than the data are."""

Line = list[tuple[float, float]]


def main(words: Sequence[str]) -> int:
    """Do what is asked; the exit code."""
    if words not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    if not words:
        copy()
    found = differences()
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


def copy() -> None:
    """All files anew, and the README that names them."""
    shutil.rmtree(VENDOR, ignore_errors=True)
    for name, (package, source) in FILES.items():
        target = VENDOR / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PACKAGES / package / source, target)
    land, countries = (
        json.loads((PACKAGES / f"world-atlas/{name}-50m.json").read_text("utf-8")) for name in ("land", "countries")
    )
    made = world(land, countries)
    (VENDOR / WORLD).write_text(json.dumps(made, separators=(",", ":")) + "\n", "utf-8")
    (VENDOR / "README.md").write_text(readme(), "utf-8")


def differences() -> list[str]:
    """What is not as the README says, in words; nothing if all is well."""
    there = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()} - {"README.md"}
    wanted = {*FILES, WORLD}
    found = [f"{name}: is missing" for name in sorted(wanted - there)]
    found += [f"{name}: is not known to this script" for name in sorted(there - wanted)]
    if not found and (VENDOR / "README.md").read_text("utf-8") != readme():
        found.append("README.md: names other versions or checksums than those of the files and of package.json")
    return found


def readme() -> str:
    """The table of what is there."""
    versions = json.loads((CLIENT / "package.json").read_text("utf-8"))["dependencies"]
    rows = [
        f"| `{name}` | {package} | {versions[package]} | `{source}` | {LICENCES[package]} | `{digest(name)}` |"
        for name, (package, source) in [*FILES.items(), (WORLD, ("world-atlas", "land-50m.json, countries-50m.json"))]
    ]
    return "\n".join(
        [
            "# What the dashboard is made of",
            "",
            "Files from npm packages, unchanged, so that the dashboard needs no internet, no build; but `world.json`,",
            "land and the borders of countries, is made of Natural Earth's data of 1:50 million. Written by",
            "`scripts/vendor_dashboard.py`; a test compares.",
            "",
            "| file | package | version | in the package | licence | SHA-256 |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def digest(name: str) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256((VENDOR / name).read_bytes()).hexdigest()


def world(land: Mapping[str, Any], countries: Mapping[str, Any]) -> dict[str, Any]:
    """The base map as GeoJSON (RFC 7946): features with the property `kind`, `land` or `border`.

    Args:
        land, countries: TopoJSON (https://github.com/topojson/topojson-specification), where neighbours share arcs.
    """
    used: Counter[int] = Counter()
    for country in countries["objects"]["countries"]["geometries"]:
        for polygon in _polygons(country):
            used.update(index if index >= 0 else ~index for ring in polygon for index in ring)
    lines = _arcs(countries)
    shores = _arcs(land)
    polygons = [
        [_unwrapped(_joined(ring, shores)) for ring in polygon]
        for shape in land["objects"]["land"]["geometries"]
        for polygon in _polygons(shape)
    ]
    borders = [lines[index] for index, times in sorted(used.items()) if times > 1]
    return {
        "type": "FeatureCollection",
        "features": [
            _feature("land", "MultiPolygon", polygons),
            _feature("border", "MultiLineString", borders),
        ],
    }


def _feature(kind: str, type: str, coordinates: object) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"kind": kind}, "geometry": {"type": type, "coordinates": coordinates}}


def _arcs(topology: Mapping[str, Any]) -> list[Line]:
    return [list(_arc(arc, topology["transform"])) for arc in topology["arcs"]]


def _arc(deltas: Sequence[Sequence[int]], transform: Mapping[str, Sequence[float]]) -> Iterator[tuple[float, float]]:
    """Longitudes and latitudes of an arc, whose points are told as steps on a grid."""
    (scale_x, scale_y), (shift_x, shift_y) = transform["scale"], transform["translate"]
    x = y = 0
    for dx, dy in deltas:
        x, y = x + dx, y + dy
        yield round(x * scale_x + shift_x, DIGITS), round(y * scale_y + shift_y, DIGITS)


def _polygons(shape: Mapping[str, Any]) -> list[list[list[int]]]:
    """The rings of each polygon, as numbers of arcs."""
    if shape["type"] == "Polygon":
        return [shape["arcs"]]
    return list(shape["arcs"]) if shape["type"] == "MultiPolygon" else []


def _unwrapped(ring: Line) -> Line:
    """A ring that crosses 180° in one piece: its longitudes go on beyond, else maps draw a line round the globe.

    Antarctica's goes round the pole and cannot be in one piece.
    """
    whole = [ring[0]]
    for longitude, latitude in ring[1:]:
        turns = round((longitude - whole[-1][0]) / 360)
        whole.append((round(longitude - 360 * turns, DIGITS), latitude))
    return whole if whole[0] == whole[-1] else ring


def _joined(ring: Sequence[int], arcs: Sequence[Line]) -> Line:
    """A ring from its arcs; `~i` is arc i from its end. Where two meet, they share a point."""
    points: Line = []
    for index in ring:
        arc = arcs[index] if index >= 0 else arcs[~index][::-1]
        points += arc[1:] if points else arc
    return points


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
