#!/bin/sh
# Makes a virtual environment with a Python that fits, or says what is missing. A sound one that is there stays.
set -eu
folder="$1"

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

if [ -x "$folder/bin/python" ] && fits "$folder/bin/python" && "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    exit 0
fi

lame=""
for python in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    fits "$python" || continue
    if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
        lame="$python"
        continue
    fi
    echo "Making $folder with $("$python" --version) ..."
    rm -rf "$folder"
    exec "$python" -m venv "$folder"
done

if [ -n "$lame" ]; then
    echo "$lame has no venv module. On Debian and Ubuntu: sudo apt-get install ${lame##*/}-venv" >&2
else
    echo "Python 3.11, 3.12 or 3.13 is needed, and none was found as python3, python3.13, python3.12 or python3.11." >&2
    echo "Install one, or name it: make install PYTHON=/path/to/python3.12" >&2
    if found="$(python3 --version 2>/dev/null)"; then
        echo "python3 here is $found." >&2
    fi
fi
exit 1
