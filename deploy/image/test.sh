#!/usr/bin/env bash
# Builds the image from the unchanged Dockerfile without a Docker daemon, and runs it as production does. Exit code 77: skipped, since a tool is missing.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
PULL_SECONDS=${IMAGE_PULL_SECONDS:-45}
IMAGE=localhost/realtime-relay:image-test

step() { printf '\n== %s (%ss)\n' "$*" "$SECONDS"; }
skip() { printf 'image: skipped, %s\n' "$*" >&2; exit 77; }

step 'Tools'
[ "$(uname -s)" = Linux ] || skip 'this is no Linux'
[ "$(id -u)" = 0 ] || skip 'only root may mount and run what is built'
[ -x node_modules/.bin/tsx ] || { echo 'image: run npm ci first' >&2; exit 1; }
missing() {
  local pair
  for pair in buildah:buildah runc:runc mmdebstrap:mmdebstrap ip:iproute2 unshare:util-linux; do
    command -v "${pair%%:*}" >/dev/null || echo "${pair##*:}"
  done
}
mapfile -t need < <(missing)
if [ "${#need[@]}" -gt 0 ] && command -v apt-get >/dev/null; then
  echo "installing ${need[*]}"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}"; } >/dev/null 2>&1 || true
  mapfile -t need < <(missing)
fi
[ "${#need[@]}" = 0 ] || skip "these are not installed: ${need[*]}"
runc --version | head -n 1
buildah --version

work=$(mktemp -d)
mkdir "$work/tmp"
export TMPDIR="$work/tmp"
export CONTAINERS_REGISTRIES_CONF="$work/registries.conf"
echo 'unqualified-search-registries = ["docker.io"]' >"$CONTAINERS_REGISTRIES_CONF"
use() { driver=$1 storage=(buildah --root "$work/storage" --runroot "$work/run" --storage-driver "$1"); }
use overlay
image() { "${storage[@]}" "$@"; }
# Runs what takes long beside the shell, which hears signals meanwhile.
attend() {
  "$@" &
  child=$!
  wait "$child"
  child=
}
# The storage mounts its own folder too, for as long as it is used.
unmount() {
  awk -v below="$work/" 'index($2, below) == 1 { print $2 }' /proc/self/mounts | sort -r | while read -r place; do umount "$place" || true; done
}
clean() {
  local code=$? id
  trap - EXIT
  if [ -n "$child" ]; then
    kill "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  fi
  for id in $(runc --root "$work/containers" list --quiet 2>/dev/null); do runc --root "$work/containers" delete --force "$id" || true; done
  unmount
  rm -rf --one-file-system "$work"
  exit "$code"
}
child=
trap clean EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
# Overlay does not work on every file system, above all not on another overlay.
probe=$(image from scratch 2>/dev/null) && image mount "$probe" >/dev/null 2>&1 || use vfs
if [ "$driver" = overlay ]; then image rm "$probe" >/dev/null
else
  unmount
  rm -rf "$work/storage" "$work/run"
fi

step 'Base images, under the names of the Dockerfile'
stand_ins=()
base() { # kind, name in the Dockerfile
  local name=$2 container
  [[ "${name%%/*}" == *.* ]] || name="docker.io/library/$name"
  if timeout "$PULL_SECONDS" "${storage[@]}" pull -q "$name" >/dev/null 2>&1; then
    echo "$name: pulled"
    return
  fi
  container=$(image from scratch)
  attend deploy/image/stand-ins.sh "$1" "$(image mount "$container")" "$work"
  image umount "$container" >/dev/null
  if [ "$1" = node ]; then image config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  else image config --user 65532 --workingdir /home/nonroot --entrypoint '["/nodejs/bin/node"]' "$container"; fi
  image commit -q --rm "$container" "$name" >/dev/null
  stand_ins+=("$name")
  echo "$name: could not be pulled, STAND-IN of packages of Debian and npm"
}
base node "$(sed -n 's/^ARG NODE_IMAGE=//p' Dockerfile)"
base runtime "$(sed -n 's/^ARG RUNTIME_IMAGE=//p' Dockerfile)"

step 'Build'
attend "${storage[@]}" build --isolation chroot --format docker --pull=never --layers=false --quiet -t "$IMAGE" . >/dev/null
image inspect --type image "$IMAGE" >"$work/image.json"
container=$(image from --pull-never "$IMAGE")
rootfs=$(image mount "$container")
image images

step 'Contents and runs'
# A network of its own, so that no port of this machine is taken and nothing outside is reached, as the containers join it.
attend unshare --net bash -c 'ip link set lo up && exec "$@"' - \
  node --import tsx test/deploy/image/try-image.ts --rootfs "$rootfs" --image "$work/image.json" --work "$work" --stand-ins "${stand_ins[*]-}"
step 'The image holds'
