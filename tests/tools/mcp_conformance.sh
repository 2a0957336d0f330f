#!/usr/bin/env bash
# Runs MCP's official conformance suite against a Taskflow of its own, on a free port and a folder of its own, and takes it down again.
# tests/mcp/expected.yaml names what this server does not offer; whatever else fails, and whatever of these passes, fails the run.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/tools/taskflow.sh
. tests/tools/taskflow.sh
node=tests/mcp/node_modules/.bin/node
suite=tests/mcp/node_modules/@modelcontextprotocol/conformance/dist/index.js
if ! "$node" --version | grep -qE '^v(2[2-9]|[3-9])'; then
  echo "mcp-conformance: the suite wants Node 22 or newer" >&2
  exit 1
fi
cargo build --quiet --workspace --bin taskflow
start_taskflow target/debug/taskflow
# The suite checks the host by the names of this machine, so it is called by one.
"$node" "$suite" server --url "http://localhost:${url##*:}/mcp" --output-dir "$work/results" --expected-failures tests/mcp/expected.yaml "$@"
if grep -E '"level":"ERROR"|panicked' "$said"; then
  echo "mcp-conformance: the server logged errors" >&2
  exit 1
fi
