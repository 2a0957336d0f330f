#!/usr/bin/env bash
# Runs benchmarks on real Dapr, Kafka and PostgreSQL, a process for each function: starts them in a folder of their own, on a free port,
# and takes everything down again. Arguments: the benchmarks; without any, those whose figures the parts make.
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
