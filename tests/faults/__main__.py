"""Faults under load, for as long as is wanted: `python -m tests.faults --help`, or `make faults`.

Prints a line for each fault. Ends with exit code 1 where something that must hold does not.
"""

import argparse
import asyncio
import sys

from tests.faults.faults import FAULTS
from tests.faults.figures import table
from tests.faults.places import PLACES
from tests.faults.play import play
from tests.faults.scene import Sizes


def main() -> int:
    """Play what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--way", choices=[*PLACES, "both"], default="both")
    parser.add_argument("--seconds", type=float, default=0, help="of each way; all faults are tried once in any case")
    parser.add_argument("--rate", type=float, default=500, help="reports in a second, of all connections together")
    parser.add_argument("--connections", type=int, default=5)
    parser.add_argument("--before", type=float, default=5, help="seconds of load before a fault and after it")
    parser.add_argument("--away", type=float, default=5, help="seconds that a fault lasts once /readyz has named it")
    parser.add_argument("--only", nargs="+", choices=[fault.name for fault in FAULTS], metavar="FAULT")
    parser.add_argument("--seed", type=int, default=1, help="of whatever happens by chance")
    given = parser.parse_args()
    sizes = Sizes(
        connections=given.connections,
        per_s=given.rate,
        before_s=given.before,
        away_s=given.away,
        seed=given.seed,
    )
    failed = False
    rows = []
    for way in PLACES if given.way == "both" else [given.way]:
        played = asyncio.run(play(way, sizes, seconds=given.seconds, only=given.only, say=print))
        rows += played.figures
        if played.failure:
            print(f"FAILED: {played.failure}", file=sys.stderr)
        failed = failed or bool(played.failure)
    print(table(rows))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
