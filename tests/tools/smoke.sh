#!/usr/bin/env bash
# Tests the user-visible behaviour of a deployed Taskflow, and leaves nothing behind: smoke.sh URL. Environment: TASKFLOW_API_TOKEN, if Taskflow has
# one; CURL_CA_BUNDLE, another list of authorities. Needs curl, jq, python3.
set -euo pipefail

url=${1:?usage: smoke.sh URL}
url=${url%/}
readonly tries=90 pause=2 # a first certificate and cold functions take minutes at most

umask 077
scratch=$(mktemp -d)
task=
socket=
trap 'status=$?; [ -z "$socket" ] || kill "$socket" 2>/dev/null; [[ ! $task =~ ^[0-9]+$ ]] || call DELETE "/api/tasks/$task" >/dev/null || true; rm -rf "$scratch"; exit "$status"' EXIT
[ -z "${TASKFLOW_API_TOKEN:-}" ] || printf 'header = "Authorization: Bearer %s"\n' "$TASKFLOW_API_TOKEN" >"$scratch/curlrc"
touch "$scratch/curlrc"

call() { # METHOD PATH [JSON]
  curl --config "$scratch/curlrc" --fail-with-body --silent --show-error --max-time 30 --request "$1" ${3:+--header "content-type: application/json" --data "$3"} "$url$2"
}
fail() { echo "smoke: $*" >&2; exit 1; }

# TRIES COMMAND…: repeats it until it succeeds
within() {
  local left=$1
  shift
  until "$@" >"$scratch/last" 2>&1; do
    [ -z "$socket" ] || kill -0 "$socket" 2>/dev/null || { cat "$scratch/socket-error" >&2; return 1; }
    ((left -= 1)) || { cat "$scratch/last" >&2; return 1; }
    sleep "$pause"
  done
}

within "$tries" call GET /health/ready || fail "$url is not ready"
# The gateway caches its health for a minute, and the first response may be from a time when the database was still starting.
healthy() { call GET /health | jq -e '.status == "healthy"'; }
within "$tries" healthy || fail "$url/health is not healthy: $(call GET /health || true)"

# Opens the WebSocket before the change, like a page. Taskflow must accept the page's Origin and push the change.
python3 "$(dirname "$0")/smoke_socket.py" "$url" >"$scratch/socket" 2>"$scratch/socket-error" &
socket=$!
opened() { grep -qx open "$scratch/socket"; }
within "$tries" opened || fail "no WebSocket: $(cat "$scratch/socket-error")"

task=$(call POST /api/tasks '{"title": "Smoke test", "due_date": "2030-01-31T09:00:00Z", "recurrence": "monthly", "tags": ["smoke-test"]}' | jq .id) ||
  fail "no task was created: is TASKFLOW_API_TOKEN the token of this deployment?"
[[ $task =~ ^[0-9]+$ ]] || fail "no task was created"
[ "$(call GET "/api/tasks/$task" | jq -r .title)" = "Smoke test" ] || fail "the task cannot be read"
[ "$(call POST /api/tasks/search '{"query": "smoke"}' | jq '.total_count >= 1')" = true ] || fail "the task is not found"
[ "$(call POST "/api/tasks/$task/complete" | jq -r .status)" = completed ] || fail "the task cannot be completed"

changed() { grep -v '^open$' "$scratch/socket" | jq -e --slurp --argjson task "$task" 'any(.[]; .type == "update" and .task_id == $task)'; }
within "$tries" changed || fail "no change arrived over the WebSocket: $(cat "$scratch/socket-error")"

# The next occurrence is created through events, so this tests the whole chain.
next() { call GET "/api/tasks?tags=smoke-test&status=pending" | jq -e --argjson parent "$task" '[.[] | select(.parent_task_id == $parent)] | length == 1'; }
within "$tries" next || fail "completing did not create the next occurrence: events do not arrive"
call DELETE "/api/tasks/$(call GET "/api/tasks?tags=smoke-test&status=pending" | jq --argjson parent "$task" '[.[] | select(.parent_task_id == $parent)][0].id')" >/dev/null

if [ -n "${TASKFLOW_API_TOKEN:-}" ]; then
  status=$(curl --silent --output /dev/null --max-time 30 --write-out '%{http_code}' "$url/api/tasks")
  [ "$status" = 401 ] || fail "without a token the answer is $status, not 401"
fi
echo "smoke: $url works"
