#!/usr/bin/env bash
# Runs MCP's official conformance suite against a new Taskflow, in a temporary folder and on a free port. tests/mcp/expected.yaml lists what this
# server does not offer. Any other failure fails the run, and so does a listed check that passes.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/tools/taskflow.sh
. tests/tools/taskflow.sh
node=tests/mcp/node_modules/.bin/node
suite=tests/mcp/node_modules/@modelcontextprotocol/conformance/dist/index.js
if ! "$node" --version | grep -qE '^v(2[2-9]|[3-9])'; then
  echo "mcp-conformance: the suite needs Node 22 or newer" >&2
  exit 1
fi
cargo build --quiet --workspace --bin taskflow
start_taskflow target/debug/taskflow
# The suite only accepts this machine's own host names.
"$node" "$suite" server --url "http://localhost:${url##*:}/mcp" --output-dir "$work/results" --expected-failures tests/mcp/expected.yaml "$@"
if grep -E '"level":"ERROR"|panicked' "$said"; then
  echo "mcp-conformance: the server logged errors" >&2
  exit 1
fi
