#!/usr/bin/env bash
# Gets two parsers of Bicep (Python packages) into node_modules/.cache, where test/deploy/azure.test.ts looks; says so if it cannot.
set -euo pipefail
cache="$(cd "$(dirname "$0")/../.." && pwd)/node_modules/.cache"
PYCEP=0.7.1
TREE_SITTER=0.26.1
GRAMMAR=1.1.0

[ -d "$cache/bicep-parsers/pycep" ] && [ -d "$cache/bicep-parsers/tree_sitter_bicep" ] && exit 0
command -v python3 >/dev/null || { echo "The parsers of Bicep were not installed: there is no Python."; exit 0; }
mkdir -p "$cache"
python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --retries 1 --timeout 20 --target "$cache/bicep-parsers" \
  "pycep-parser==$PYCEP" "tree-sitter==$TREE_SITTER" "tree-sitter-bicep==$GRAMMAR" || { rm -rf "$cache/bicep-parsers"; echo "The parsers of Bicep were not installed: pip could not."; }
