#!/usr/bin/env bash
# Runs benchmarks on real Dapr, Kafka and PostgreSQL, a process for each function: starts them in a folder of their own, on a free port,
# and takes everything down again. Arguments: the benchmarks; without any, those whose figures the parts make.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- recurrence reminder users
work=$(mktemp -d)
PORT=0 TASKFLOW_DATA_DIR=$work RUST_LOG=warn target/release/run-dapr 2>"$work/said" &
server=$!
finish() {
  code=$?
  kill "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  [ "$code" -eq 0 ] || tail -n 20 "$work/said" >&2
  rm -rf "$work"
  exit "$code"
}
trap finish EXIT
until [ -f "$work/there.env" ]; do
  kill -0 "$server" || exit 1
  sleep 0.2
done
# shellcheck source=/dev/null
. "$work/there.env"
for benchmark in "$@"; do
  target/release/bench "$benchmark"
done
