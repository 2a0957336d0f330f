#!/usr/bin/env bash
# Generates clients from the OpenAPI document with three generators, and runs a program with each against a new Taskflow: openapi-typescript (Node),
# oapi-codegen (Go), openapi-python-client (Python).
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/tools/taskflow.sh
. tests/tools/taskflow.sh
for tool in node npm go python3; do
  command -v "$tool" >/dev/null || { echo "generated-clients: $tool is missing" >&2; exit 1; }
done
cargo build --quiet --workspace --bin taskflow

# Starts one Taskflow for each program, because each counts its tasks.
if [ $# -eq 0 ]; then
  for client in typescript python go; do "$0" "$client"; done
  exit
fi
start_taskflow target/debug/taskflow
cp -r "tests/clients/$1" "$work/client"
cd "$work/client"
curl --silent --fail "$url/openapi.json" >openapi.json
case $1 in
typescript)
  npm ci --no-audit --no-fund --loglevel=error
  node_modules/.bin/openapi-typescript openapi.json --output generated.d.ts >&2
  node_modules/.bin/tsc --strict --target es2022 --module nodenext --skipLibCheck main.ts
  node main.js "$url"
  ;;
python)
  python3 -m venv venv
  venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt
  venv/bin/openapi-python-client generate --path openapi.json --meta none --output-path taskflow_client
  venv/bin/python main.py "$url"
  ;;
go)
  mkdir client
  go tool oapi-codegen -generate types,client -package client openapi.json >client/client.go
  go vet ./...
  go run . "$url"
  ;;
esac
