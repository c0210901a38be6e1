#!/usr/bin/env bash
# Gets moto, which speaks S3, into node_modules/.cache, where record-stores.spec.ts looks; says so if it cannot.
set -euo pipefail
cache="$(cd "$(dirname "$0")/../.." && pwd)/node_modules/.cache"
environment="$cache/realtime-relay-moto"
VERSION=5.1.4

[ -x "$environment/bin/moto_server" ] && exit 0
command -v python3 >/dev/null || { echo "moto was not installed: there is no Python."; exit 0; }
mkdir -p "$cache"
python3 -m venv "$environment" >/dev/null 2>&1 || { echo "moto was not installed: python3 cannot make a virtual environment."; exit 0; }
"$environment/bin/pip" --quiet --disable-pip-version-check --retries 1 --timeout 20 install "moto[s3,server]==$VERSION" || { rm -rf "$environment"; echo "moto was not installed: pip could not."; }
