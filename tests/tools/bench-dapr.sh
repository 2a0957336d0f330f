#!/usr/bin/env bash
# Runs benchmarks on real Dapr, Kafka and PostgreSQL, with one process per function, in a temporary folder and on a free port. Arguments: the
# benchmarks; by default, those whose results depend on the parts. Each benchmark has its own database and processes.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- recurrence reminder users
if [ $# -gt 1 ]; then
  for benchmark in "$@"; do tests/tools/bench-dapr.sh "$benchmark"; done
  exit
fi
# shellcheck source=tests/tools/taskflow.sh
. tests/tools/taskflow.sh
start_taskflow target/release/run-dapr
# shellcheck source=/dev/null
. "$work/data/there.env"
target/release/bench "$1"
