#!/usr/bin/env bash
# Tries the Python clients in environments of their own; where Python or its packages cannot be had, says so and lets the rest go on.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../../.." && pwd)"
cache="$root/node_modules/.cache"

skip() {
  echo "The Python clients were not tried: $1."
  exit 0
}

# Fills the environment of that name from the requirements, unless it was filled from the same ones.
prepare() {
  local environment="$cache/$1" requirements="$here/$2"
  if cmp -s "$requirements" "$environment/installed.txt"; then return; fi
  rm -rf "$environment"
  mkdir -p "$cache"
  python3 -m venv "$environment" >/dev/null 2>&1 || skip "python3 cannot make a virtual environment"
  local pip=("$environment/bin/pip" --quiet --disable-pip-version-check --retries 1 --timeout 20)
  "${pip[@]}" download --no-deps --dest "$environment/reachable" "$(grep -m1 '^openai' "$requirements" | sed 's/\[.*\]//')" >/dev/null 2>&1 || skip "PyPI cannot be reached"
  "${pip[@]}" install -r "$requirements"
  cp "$requirements" "$environment/installed.txt"
}

command -v python3 >/dev/null || skip "there is no python3"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || skip "they need Python 3.11"
prepare realtime-relay-python requirements.txt
# Apart, since these libraries and semantic-kernel do not always agree about what they share.
prepare realtime-relay-python-direct requirements-direct.txt
cd "$root"
RELAY_TEST_PYTHON="$cache/realtime-relay-python/bin/python" DIRECT_TEST_PYTHON="$cache/realtime-relay-python-direct/bin/python" \
  exec npx vitest run --config vitest.clients.config.ts test/clients/python
