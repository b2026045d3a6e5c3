"""Makes a migration from the difference between the models and the migrations there are.

Usage: python scripts/make_migration.py NAME. Read what it wrote before you commit it: forward only, both databases.
"""

import asyncio
import re
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

from tortoise.cli import cli
from tortoise.config import TortoiseConfig

from ofh.store.database import Database


def main() -> None:
    """Write `migrations/NNNN_NAME.py`, or nothing where nothing changed."""
    if len(sys.argv) != 2 or re.fullmatch(r"[a-z][a-z0-9_]*", sys.argv[1]) is None:
        sys.exit("usage: make_migration.py NAME   (a-z, 0-9 and _)")
    with tempfile.TemporaryDirectory() as folder:
        # Tortoise's command wants a configuration file; ours is made by the store. The database stays empty.
        config = TortoiseConfig.from_dict(Database(f"sqlite://{Path(folder) / 'empty.db'}").config())
        with patch.object(cli, "_load_config", lambda _: config):
            asyncio.run(cli.makemigrations(cli.CLIContext(None, None), (), False, sys.argv[1]))


if __name__ == "__main__":
    main()
