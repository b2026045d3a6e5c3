"""Ground coverage of a file of vectors, by the hub's own code, and how long it takes.

    python bench/coverage.py [VECTORS.json [RESULTS.json]] [--repeat 3]

Each vector goes the whole way from its metadata over the pose to the outline, on its own ground; `camera` and
`intrinsics` stand in only where there is no metadata. What fails is null in the results and said here, and the others
go on. See `bench/README.md`.
"""

import argparse
import json
import os
import statistics
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ofh.domain.coverage.coverage import Coverage, CoverageOptions, CoveragePoint, coverage_of  # noqa: E402
from ofh.domain.coverage.inputs import NoCoverage  # noqa: E402
from ofh.domain.coverage.lens import Intrinsics, lens_of  # noqa: E402
from ofh.domain.coverage.pose import pose_of  # noqa: E402
from tests.support.coverage import VECTORS, facts_of, ground_of, listed, pose_by, read_vectors  # noqa: E402

CORNERS = ("top_left", "top_right", "bottom_right", "bottom_left", "center")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vectors", nargs="?", type=Path, default=VECTORS)
    parser.add_argument("results", nargs="?", type=Path)
    parser.add_argument("--repeat", type=int, default=3, help="runs of each vector, of which the median counts")
    arguments = parser.parse_args()
    data = read_vectors(arguments.vectors)
    results: dict[str, Any] = {}
    for case in data.get("lens_cases") or []:
        results[case["id"]] = tried(case, lens_result)
    times: dict[bool, list[tuple[float, float, str]]] = {True: [], False: []}
    for vector in data.get("vectors") or []:
        result = tried(vector, lambda vector: coverage_result(vector, arguments.repeat))
        results[vector["id"]] = result
        if result is not None:
            is_flat = vector["ground"]["type"] == "flat"
            times[is_flat].append((result["ms"], result["cpu_ms"], vector["id"]))
    if arguments.results is not None:
        arguments.results.write_text(json.dumps(results))
    print(f"{len(results)} results, {sum(result is None for result in results.values())} of them null\n")
    print_times(times)


def tried(case: Mapping[str, Any], compute: Any) -> Any:
    """What is computed of a case; None where it fails, or has no answer."""
    try:
        result = compute(case)
    except NoCoverage as error:
        print(f"{case.get('id')}: no coverage: {error.reason} {error.fields}")
        return None
    except Exception:
        print(f"{case.get('id')}: failed\n{traceback.format_exc()}")
        return None
    if result is None:
        print(f"{case.get('id')}: the lens cannot be known")
    return result


def lens_result(case: Mapping[str, Any]) -> dict[str, Any] | None:
    lens = lens_of(facts_of(case["metadata"]))
    return None if lens is None else shown_lens(lens)


def shown_lens(lens: Intrinsics) -> dict[str, Any]:
    distortion = lens.distortion
    return {
        "width": lens.width,
        "height": lens.height,
        "fx": lens.fx,
        "fy": lens.fy,
        "cx": lens.cx,
        "cy": lens.cy,
        "distortion": distortion and {name: getattr(distortion, name) for name in ("k1", "k2", "p1", "p2", "k3")},
    }


def coverage_result(vector: Mapping[str, Any], repeat: int) -> dict[str, Any]:
    wall, used = [], []
    coverage: Coverage | None = None
    for _ in range(max(repeat, 1)):
        start, cpu = time.perf_counter(), time.process_time()
        coverage = computed(vector)
        wall.append((time.perf_counter() - start) * 1e3)
        used.append((time.process_time() - cpu) * 1e3)
    assert coverage is not None
    return {
        "outer": listed(coverage.outer),
        "holes": [listed(hole) for hole in coverage.holes],
        "all": listed(coverage.all),
        "corners": {name: shown_point(getattr(coverage.corners, name)) for name in CORNERS},
        "debug": coverage.outer[0].debug if coverage.outer else None,
        "ms": round(statistics.median(wall), 3),
        "cpu_ms": round(statistics.median(used), 3),
    }


def computed(vector: Mapping[str, Any]) -> Coverage:
    ground = ground_of(vector["ground"])
    said = vector.get("options") or {}
    options = CoverageOptions(max_range_m=said.get("max_range_m") or 5_000.0, refraction=said.get("refraction") or 0.0)
    if vector.get("metadata"):
        pose = pose_of(facts_of(vector["metadata"]), ground)
    else:
        pose = pose_by(vector["camera"], vector["intrinsics"])
    return coverage_of(pose, ground, options)


def shown_point(point: CoveragePoint | None) -> list[float] | None:
    return None if point is None else listed([point])[0]


def print_times(times: Mapping[bool, list[tuple[float, float, str]]]) -> None:
    print(f"{'':24}{'cases':>6}{'median ms':>11}{'worst ms':>10}{'of CPU':>9}{'worst':>8}")
    for is_flat, name in ((True, "flat ground"), (False, "terrain")):
        found = times[is_flat]
        if not found:
            continue
        wall, used = [item[0] for item in found], [item[1] for item in found]
        print(
            f"{name:24}{len(found):>6}{statistics.median(wall):>11.1f}{max(wall):>10.1f}"
            f"{statistics.median(used):>9.1f}{max(used):>8.1f}   slowest: {max(found)[2]}"
        )
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
