#!/usr/bin/env bash
# Tries the Python clients in an environment of their own; where Python or its packages cannot be had, says so and lets the rest go on.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../../.." && pwd)"
environment="$root/node_modules/.cache/realtime-relay-python"

skip() {
  echo "The Python clients were not tried: $1."
  exit 0
}

command -v python3 >/dev/null || skip "there is no python3"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || skip "they need Python 3.10"
if ! cmp -s "$here/requirements.txt" "$environment/installed.txt"; then
  rm -rf "$environment"
  mkdir -p "$(dirname "$environment")"
  python3 -m venv "$environment" >/dev/null 2>&1 || skip "python3 cannot make a virtual environment"
  pip=("$environment/bin/pip" --quiet --disable-pip-version-check --retries 1 --timeout 20)
  "${pip[@]}" download --no-deps --dest "$environment/reachable" "$(grep -m1 '^openai' "$here/requirements.txt" | sed 's/\[.*\]//')" >/dev/null 2>&1 || skip "PyPI cannot be reached"
  "${pip[@]}" install -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$environment/installed.txt"
fi
cd "$root"
RELAY_TEST_PYTHON="$environment/bin/python" exec npx vitest run --config vitest.clients.config.ts test/clients/python
