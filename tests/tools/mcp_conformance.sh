#!/usr/bin/env bash
# Runs MCP's official conformance suite against a Taskflow of its own, on a free port and a folder of its own, and takes it down again.
# tests/mcp/expected.yaml names what this server does not offer; whatever else fails, and whatever of these passes, fails the run.
set -euo pipefail
cd "$(dirname "$0")/../.."
node=tests/mcp/node_modules/.bin/node
suite=tests/mcp/node_modules/@modelcontextprotocol/conformance/dist/index.js
if ! "$node" --version | grep -qE '^v(2[2-9]|[3-9])'; then
  echo "mcp-conformance: the suite wants Node 22 or newer" >&2
  exit 1
fi
cargo build --quiet --workspace --bin taskflow
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
port=
for _ in $(seq 600); do
  port=$(grep -o 'Taskflow is at http://[0-9.:]*' "$work/log" | head -n 1 | grep -o '[0-9]*$' || true)
  [ -z "$port" ] || break
  kill -0 "$server" || exit 1
  sleep 0.2
done
# The suite checks the host by the names of this machine, so it is called by one.
"$node" "$suite" server --url "http://localhost:$port/mcp" --output-dir "$work/results" --expected-failures tests/mcp/expected.yaml "$@"
if grep -E '"level":"ERROR"|panicked' "$work/log"; then
  echo "mcp-conformance: the server logged errors" >&2
  exit 1
fi
