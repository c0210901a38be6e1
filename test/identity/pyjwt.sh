#!/usr/bin/env bash
# Gets PyJWT into node_modules/.cache, where test/identity/mint.test.ts looks; says so if it cannot.
set -euo pipefail
cache="$(cd "$(dirname "$0")/../.." && pwd)/node_modules/.cache"
environment="$cache/realtime-relay-pyjwt"
VERSION=2.10.1

"$environment/bin/python" -c 'import jwt' 2>/dev/null && exit 0
command -v python3 >/dev/null || { echo "PyJWT was not installed: there is no Python."; exit 0; }
mkdir -p "$cache"
python3 -m venv "$environment" >/dev/null 2>&1 || { echo "PyJWT was not installed: python3 cannot make a virtual environment."; exit 0; }
"$environment/bin/pip" --quiet --disable-pip-version-check --retries 1 --timeout 20 install "PyJWT==$VERSION" || { rm -rf "$environment"; echo "PyJWT was not installed: pip could not."; }
