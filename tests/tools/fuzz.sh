#!/usr/bin/env bash
# Fuzzes the API from its OpenAPI document: starts a Taskflow of its own, on a free port and a folder of its own, runs schemathesis
# with all checks against it, and takes everything down again.
set -euo pipefail
cd "$(dirname "$0")/../.."
schemathesis=${SCHEMATHESIS:-schemathesis}
if ! command -v "$schemathesis" >/dev/null; then
  echo "fuzz: schemathesis is missing (pip install schemathesis, or name it by SCHEMATHESIS)" >&2
  exit 1
fi
cargo build --quiet --package taskflow
work=$(mktemp -d)
PORT=0 TASKFLOW_DATA_DIR=$work/data RUST_LOG=warn,embedded=info target/debug/taskflow 2>"$work/log" &
server=$!
finish() {
  code=$?
  kill "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  [ "$code" -eq 0 ] || tail -n 50 "$work/log" >&2
  rm -rf "$work"
  exit "$code"
}
trap finish EXIT
url=
for _ in $(seq 600); do
  url=$(grep -o 'Taskflow is at http://[0-9.:]*' "$work/log" | head -n 1 | grep -o 'http.*' || true)
  [ -z "$url" ] || break
  kill -0 "$server" || exit 1
  sleep 0.2
done
echo "fuzz: $url"
SCHEMATHESIS_HOOKS=tests/tools/schemathesis_hooks.py "$schemathesis" --config-file tests/tools/schemathesis.toml run "$url/openapi.json" --url "$url" --checks all "$@"
if grep -E '"level":"ERROR"|panicked' "$work/log"; then
  echo "fuzz: the server logged errors" >&2
  exit 1
fi
