"""`ofh` with every SQL statement counted: `python bench/_counting.py FILE serve`. No benchmark, hence the underscore.

FILE gets the number so far, as 8 bytes, little-endian; it is mapped, so that counting costs next to nothing.
"""

import logging
import mmap
import struct
import sys
from pathlib import Path
from typing import Any


def count_into(path: Path) -> None:
    """Count what Tortoise would log; the hand-written statements go the same way."""
    path.write_bytes(bytes(8))
    with path.open("r+b") as file:
        shown = mmap.mmap(file.fileno(), 8)
    number = 0

    def count(*_: Any, **__: Any) -> None:
        nonlocal number
        number += 1
        struct.pack_into("<q", shown, 0, number)

    logging.getLogger("tortoise.db_client").debug = count  # type: ignore[method-assign]


def counted(path: Path) -> int:
    """How many there were so far."""
    return int(struct.unpack("<q", path.read_bytes())[0])


if __name__ == "__main__":
    count_into(Path(sys.argv.pop(1)))
    from ofh.cli.main import main

    main()
