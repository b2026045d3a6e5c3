#!/bin/sh
# Writes requirements.lock (the program and its tools) and deploy/requirements.lock (the program alone, a part of the
# first) from pyproject.toml, with hashes, for all Pythons and systems at once. uv does it, in an environment that is
# thrown away afterwards; nothing else needs uv. Versions that are locked and still fit stay; --upgrade renews them.
set -eu
cd "$(dirname "$0")/.."
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT INT TERM
sh scripts/venv.sh "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'uv>=0.13,<0.14'
compile() {
    "$folder/venv/bin/uv" pip compile --quiet --universal --python-version 3.11 --no-python-downloads \
        --generate-hashes --no-annotate --no-header "$@"
}
compile pyproject.toml --group dev --output-file requirements.lock "$@"
compile pyproject.toml --constraints requirements.lock --output-file deploy/requirements.lock
