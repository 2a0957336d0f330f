#!/usr/bin/env bash
# Applies the custom resource definitions of the charts in charts.json, which helm installs with the first version and never upgrades. Helm does
# upgrade definitions among a chart's templates, and operators apply their own. Uses kubectl's current context.
set -euo pipefail
cd "$(dirname "$0")"

for tool in helm kubectl jq; do
  command -v "$tool" >/dev/null || { echo "upgrade-crds: $tool is missing" >&2; exit 1; }
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

while read -r release repository chart version; do
  case $repository in
    oci://*) chart=$repository/$chart options=() ;;
    *) options=(--repo "$repository") ;;
  esac
  helm show crds "$chart" --version "$version" "${options[@]}" >"$scratch/$release.yaml" </dev/null
  if ! grep -q '^kind: CustomResourceDefinition' "$scratch/$release.yaml"; then
    echo "upgrade-crds: $chart $version has none of its own"
    continue
  fi
  # On the server, because some are too large for kubectl's annotation; with force, because helm wrote them last.
  kubectl apply --server-side --force-conflicts --filename "$scratch/$release.yaml"
done < <(jq --raw-output 'to_entries[] | select(.value.repository) | [.key, .value.repository, .value.chart, .value.version] | join(" ")' charts.json)
