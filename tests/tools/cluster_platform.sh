#!/usr/bin/env bash
# Installs the part of platform/ that the test cluster can run, from the files that other clusters use: cluster_platform.sh settings FILE | install.
#   settings FILE  Knative's settings for the cluster's start: those of platform/knative-serving, overridden by those of BASE
#   install        namespaces, Dapr's chart with platform's values, and the types of Knative's operator
# Environment: BASE, a file of ConfigMaps and their keys, for `settings`; CLUSTER_EXEC, for `install`. Charts and types come from Go's module cache.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() { echo "cluster-platform: $*" >&2; exit 1; }
module() { # MODULE VERSION: its folder
  (cd / && go mod download -json "$1@$2") | jq --raw-output .Dir
}

case ${1:-} in
  settings)
    helm template knative-serving platform/knative-serving | python3 -c '
import sys, yaml
settings = {f"config-{name}": values for name, values in yaml.safe_load(sys.stdin)["spec"]["config"].items()}
with open(sys.argv[1], encoding="utf-8") as file:
    for name, values in (yaml.safe_load(file) or {}).items():
        settings.setdefault(name, {}).update(values)
yaml.safe_dump(settings, sys.stdout)' "${BASE:?}" >"${2:?usage: cluster_platform.sh settings FILE}"
    ;;
  install)
    : "${CLUSTER_EXEC:?}"
    read -r -a cluster <<<"$CLUSTER_EXEC kubectl"
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    version=$(jq --raw-output .dapr.version platform/charts.json)
    chart=$(module github.com/dapr/dapr "v$version")/charts/dapr
    operator=$(module knative.dev/operator v0.50.0) # knative-operator 1.23
    "${cluster[@]}" apply --filename - <platform/namespaces.yaml
    helm template dapr "$chart" --include-crds --namespace dapr-system --values platform/values/dapr.yaml --values tests/cluster/platform/dapr.yaml \
      --set "global.tag=$version" >"$scratch/rendered.yaml"
    platform/one-scheduler.sh <"$scratch/rendered.yaml" >"$scratch/dapr.yaml"
    awk -v types="$scratch/types.yaml" -v rest="$scratch/rest.yaml" 'BEGIN { RS = "(^|\n)---\n"; ORS = "\n---\n" }
      /\nkind: CustomResourceDefinition\n/ { print > types; next } { print > rest }' "$scratch/dapr.yaml"
    # Without the conversion webhook, because the operator that serves it is not installed here.
    python3 -c '
import sys, yaml
for document in yaml.safe_load_all(sys.stdin):
    if document:
        document["spec"].pop("conversion", None)
        print("---")
        yaml.safe_dump(document, sys.stdout)' <"$operator/config/crd/bases/operator.knative.dev_knativeservings.yaml" >>"$scratch/types.yaml"
    "${cluster[@]}" apply --server-side --filename - <"$scratch/types.yaml"
    "${cluster[@]}" wait --for condition=Established --timeout 60s crd --all
    "${cluster[@]}" apply --filename - <"$scratch/rest.yaml"
    for set in deployment/dapr-operator deployment/dapr-sentry deployment/dapr-sidecar-injector statefulset/dapr-scheduler-server; do
      "${cluster[@]}" --namespace dapr-system rollout status --timeout 180s "$set"
    done
    ;;
  *) fail "usage: cluster_platform.sh settings FILE | install" ;;
esac
