#!/usr/bin/env bash
# Runs a command against the cluster whose kubeconfig is in $CLUSTER_KUBECONFIG: with-cluster.sh COMMAND [ARGUMENT…]. Terraform calls it for steps
# that no resource can express: waiting for a custom resource, rolling out an overlay. If the cluster refuses, it prints the remedy.
set -euo pipefail

fail() { echo "with-cluster: $*" >&2; exit 1; }

: "${CLUSTER_KUBECONFIG:?the kubeconfig itself, not a path}"
for tool in kubectl oci; do
  command -v "$tool" >/dev/null || fail "$tool is missing: install it and apply again; the existing resources stay"
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export KUBECONFIG=$scratch/kubeconfig
(umask 077 && printf '%s' "$CLUSTER_KUBECONFIG" >"$KUBECONFIG")

# Shows the API's own answer first, so that a missing permission is explained.
if ! answer=$(kubectl version --request-timeout=60s 2>&1); then
  echo "$answer" >&2
  case $answer in
    *Unauthorized* | *"credentials"* | *NotAuthenticated* | *"exit code 1"*)
      fail "the token has expired: run 'oci session authenticate' (or repair the API key of the profile) and apply again" ;;
    *"i/o timeout"* | *"context deadline exceeded"* | *"Client.Timeout"* | *"connection refused"*)
      fail "the Kubernetes API does not answer: is this machine's address in operator_cidrs?" ;;
    *) fail "the Kubernetes API refused the request" ;;
  esac
fi
"$@"
