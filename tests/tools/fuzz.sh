#!/usr/bin/env bash
# Fuzzes the API from its OpenAPI document: starts a new Taskflow in a temporary folder and on a free port, and runs schemathesis with all checks
# against it.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/tools/taskflow.sh
. tests/tools/taskflow.sh
schemathesis=${SCHEMATHESIS:-schemathesis}
if ! command -v "$schemathesis" >/dev/null; then
  echo "fuzz: schemathesis is missing (pip install schemathesis, or name it by SCHEMATHESIS)" >&2
  exit 1
fi
cargo build --quiet --package taskflow
start_taskflow target/debug/taskflow
echo "fuzz: $url"
SCHEMATHESIS_HOOKS=tests/tools/schemathesis_hooks.py "$schemathesis" --config-file tests/tools/schemathesis.toml run "$url/openapi.json" --url "$url" --checks all "$@"
if grep -E '"level":"ERROR"|panicked' "$said"; then
  echo "fuzz: the server logged errors" >&2
  exit 1
fi
