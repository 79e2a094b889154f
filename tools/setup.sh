#!/usr/bin/env bash
# Make a virtual environment with the locked dependencies and this checkout in it: tools/setup.sh FOLDER
set -euo pipefail
venv=$1

# A client starts six of us at once: nobody should compile at a start, not even where Python may write no byte code.
compiled() {
    "$venv/bin/python" -m compileall -q shared servers
}

if command -v uv >/dev/null 2>&1; then
    echo "Setting up $venv with uv" >&2
    uv venv --quiet --allow-existing --python '>=3.11' "$venv"
    uv pip install --quiet --python "$venv/bin/python" --require-hashes --compile-bytecode -r requirements.lock
    uv pip install --quiet --python "$venv/bin/python" --no-deps --editable .
    compiled
    exit 0
fi

python=
for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
    if command -v "$name" >/dev/null 2>&1 &&
        "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        python=$name
        break
    fi
done
if [ -z "$python" ]; then
    echo "OpenManager needs Python 3.11 or newer; none was found on PATH." >&2
    exit 1
fi
echo "Setting up $venv with $("$python" --version)" >&2
if ! "$python" -m venv "$venv"; then
    echo "Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv" >&2
    exit 1
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
compiled
