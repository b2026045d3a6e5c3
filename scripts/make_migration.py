"""Makes a migration from the difference between the models and the migrations there are.

Usage: python scripts/make_migration.py NAME. Read what it wrote before you commit it: forward only, both databases.
The name `initial` writes the first one anew, as long as nothing has been released: those written by hand, which rest on
it, stand aside meanwhile.
"""

import asyncio
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from tortoise.cli import cli
from tortoise.config import TortoiseConfig

from ofh.store.database import Database

MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"


def main() -> None:
    """Write `migrations/NNNN_NAME.py`, or nothing where nothing changed."""
    if len(sys.argv) != 2 or re.fullmatch(r"[a-z][a-z0-9_]*", sys.argv[1]) is None:
        sys.exit("usage: make_migration.py NAME   (a-z, 0-9 and _)")
    with tempfile.TemporaryDirectory() as folder, aside(Path(folder), sys.argv[1] == "initial"):
        # Tortoise's command wants a configuration file; ours is made by the store. The database stays empty.
        config = TortoiseConfig.from_dict(Database(f"sqlite://{Path(folder) / 'empty.db'}").config())
        with patch.object(cli, "_load_config", lambda _: config):
            asyncio.run(cli.makemigrations(cli.CLIContext(None, None), (), False, sys.argv[1]))


@contextmanager
def aside(folder: Path, is_wanted: bool) -> Iterator[None]:
    """Without the migrations there are; all but the first come back."""
    moved = sorted(MIGRATIONS.glob("[0-9]*.py")) if is_wanted else []
    for path in moved:
        shutil.move(path, folder)
    try:
        yield
    finally:
        made = list(MIGRATIONS.glob("[0-9]*.py"))
        for path in moved[1 if made else 0 :]:
            shutil.move(folder / path.name, path)


if __name__ == "__main__":
    main()
