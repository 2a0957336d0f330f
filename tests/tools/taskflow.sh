# shellcheck shell=bash
# Source this file to get a Taskflow for a script, on a free port and in a temporary folder. When the script ends, Taskflow stops and the folder is
# deleted.

# Starts PROGRAM, and waits until it reports its address. Sets `url`; `said`, its log; and `work`, the folder, with its data in `data`.
start_taskflow() {
  local tries=600
  work=$(mktemp -d)
  said=$work/said
  PORT=0 TASKFLOW_DATA_DIR=$work/data RUST_LOG=warn,embedded=info "$1" 2>"$said" &
  server=$!
  trap stop_taskflow EXIT
  url=
  until [ -n "$url" ]; do
    kill -0 "$server" && [ $((tries--)) -gt 0 ] || exit 1
    sleep 0.2
    url=$(grep -o 'Taskflow is at http://[0-9.:]*' "$said" | head -n 1 | grep -o 'http.*' || true)
  done
}

# Shows the end of the log if the script failed.
stop_taskflow() {
  local code=$?
  kill "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  [ "$code" -eq 0 ] || tail -n 50 "$said" >&2
  rm -rf "$work"
  exit "$code"
}
