"""What the dashboard's map costs a page with 100, 500 and 2,000 aircraft that report once a second each.

    python bench/dashboard.py [--counts 100 500 2000] [--ways sprites …] [--seconds 20] [--minutes 10] [--draw]

In a headless Chromium without a graphics card. Nothing is asserted. See `bench/README.md`.
"""

import argparse
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from _processes import machine

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PLAYWRIGHT = ROOT / "compat/clients/dashboard/node_modules/playwright-core/index.mjs"
PLACES: Mapping[str, Path] = {
    "/static/": ROOT / "src/ofh/edges/dashboard/static",
    "/page/": HERE / "dashboard_page",
    "/fleet.js": ROOT / "src/ofh/edges/graphql/client/fleet.js",
    "/": HERE / "dashboard_page/index.html",
}
WAYS: Mapping[str, str] = {
    "sprites": "the map's own canvas",
    "layer": "the same, and the map below drawn in every frame",
    "geojson": "a GeoJSON source, set in every frame",
}
SAMPLE_S = 30


class Files(SimpleHTTPRequestHandler):
    """The dashboard's files, and the page of this benchmark."""

    def translate_path(self, path: str) -> str:
        """The file that an address stands for."""
        path = path.partition("?")[0]
        for prefix, place in PLACES.items():
            if prefix != "/" and path.startswith(prefix):
                return str(place / path.removeprefix(prefix)) if place.is_dir() else str(place)
        return str(PLACES["/"]) if path == "/" else str(HERE / "nothing")

    def guess_type(self, path: object) -> str:
        """Modules are JavaScript, whatever the machine's table says."""
        return "text/javascript" if str(path).endswith((".js", ".mjs")) else super().guess_type(str(path))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[str]:
    """The address of the files."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


def measured(url: str, chromium: str, seconds: int, samples: int) -> list[dict[str, float]]:
    """What `drive.mjs` printed: first what the span cost, then further samples of the heap."""
    words: list[str | Path] = [
        "node",
        HERE / "dashboard_page/drive.mjs",
        chromium,
        PLAYWRIGHT,
        url,
        str(seconds),
        str(samples),
        str(SAMPLE_S),
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode or done.stderr:
        sys.exit(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="*", default=[100, 500, 2000])
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS))
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--minutes", type=int, default=0, help="for so long the heap of the largest fleet is watched")
    parser.add_argument("--draw", action="store_true", help="really draw, by the processor")
    options = parser.parse_args(arguments)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None or shutil.which("node") is None or not PLAYWRIGHT.exists():
        sys.exit("Needs chromium, node, and `npm ci` in compat/clients/dashboard.")
    with serving() as url:
        print("| aircraft | way | frames/s here | script ms/frame | script ms/s | heap MB |")
        print("|---|---|---|---|---|---|")
        for count in options.counts:
            for way in options.ways:
                span = measured(
                    f"{url}/?count={count}&way={way}&draw={int(options.draw)}", chromium, options.seconds, 0
                )[0]
                print(row(count, way, span), flush=True)
        if options.minutes:
            count = max(options.counts)
            samples = options.minutes * 60 // SAMPLE_S
            heaps = [
                one["heap"]
                for one in measured(f"{url}/?count={count}&way=sprites&draw={int(options.draw)}", chromium, 5, samples)
            ]
            shown = " ".join(f"{heap / 1e6:.1f}" for heap in heaps)
            print(f"\nHeap in MB with {count} aircraft, every {SAMPLE_S} s: {shown}")
    print(f"\n{machine()}")


def row(count: int, way: str, span: Mapping[str, float]) -> str:
    """A line of the table."""
    seconds, frames = span["now"] / 1_000, max(1.0, span["drawn"])
    cells = (
        f"{count:,}",
        WAYS[way],
        f"{span['drawn'] / seconds:.1f}",
        f"{span['script'] * 1_000 / frames:.2f}",
        f"{span['script'] / seconds * 1_000:.0f}",
        f"{span['heap'] / 1e6:.1f}",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
