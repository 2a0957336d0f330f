#!/usr/bin/env bash
# Runs the smoke test against a new Taskflow, so that every change tests the smoke test itself.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/tools/taskflow.sh
. tests/tools/taskflow.sh
export TASKFLOW_API_TOKEN=a-token-of-the-smoke-test-that-nobody-guesses # checkov:skip=CKV_SECRET_6:a server of this test
cargo build --quiet --package taskflow
start_taskflow "${TASKFLOW_PROGRAM:-${CARGO_TARGET_DIR:-target}/debug/taskflow}"
tests/tools/smoke.sh "$url"
