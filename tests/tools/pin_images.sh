#!/usr/bin/env bash
# Writes the current digest of each base image into the Dockerfile. Fails if an image is not available for both platforms.
set -euo pipefail
cd "$(dirname "$0")/../.."

docker buildx version >/dev/null 2>&1 || { echo "pin-images: docker has no buildx" >&2; exit 1; }
sed -nE 's/^FROM (--[^ ]+ )*([^ ]+[:@][^ ]+).*/\2/p' Dockerfile | while read -r image; do
  name=${image%@*}
  manifest=$(docker buildx imagetools inspect --format '{{json .Manifest}}' "$name")
  for architecture in amd64 arm64; do
    jq --exit-status --arg architecture "$architecture" 'any(.manifests[]?; .platform.os == "linux" and .platform.architecture == $architecture)' <<<"$manifest" >/dev/null ||
      { echo "pin-images: $name has no image for $architecture" >&2; exit 1; }
  done
  digest=$(jq --raw-output .digest <<<"$manifest")
  sed -i "s#^\(FROM .*\)$image#\1$name@$digest#" Dockerfile
  echo "$name@$digest"
done
