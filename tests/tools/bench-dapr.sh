#!/usr/bin/env bash
# Runs benchmarks on real Dapr, Kafka and PostgreSQL, with one process per function, in a temporary folder and on a free port. Arguments: the
# benchmarks; by default, those whose results depend on the parts.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/tools/taskflow.sh
. tests/tools/taskflow.sh
[ $# -gt 0 ] || set -- recurrence reminder users
start_taskflow target/release/run-dapr
# shellcheck source=/dev/null
. "$work/data/there.env"
for benchmark in "$@"; do
  target/release/bench "$benchmark"
done
