#!/usr/bin/env bash
# Puts load on a new Taskflow in a temporary folder and on a free port, on this machine only: load.sh process | dapr [NAME…]
# NAME is a file of tests/load without .js (default: all). Needs k6; `dapr` also needs what run-dapr needs. LOAD_USERS and LOAD_SECONDS set the load,
# LOAD_JUDGE=errors shows times without checking them. LOAD_PROFILE is the build: release, for figures, or dev.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/tools/taskflow.sh
. tests/tools/taskflow.sh

command -v k6 >/dev/null || { echo "load: k6 is missing" >&2; exit 1; }
profile=${LOAD_PROFILE:-release}
[ "$profile" != dev ] || profile=debug
case ${1:-} in
  process) program=taskflow ;;
  dapr) program=run-dapr ;;
  *) sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
shift
if [ $# -eq 0 ]; then
  for file in tests/load/*.js; do
    name=$(basename "$file" .js)
    [ "$name" = parts ] || set -- "$@" "$name"
  done
fi
for name in "$@"; do
  [ -f "tests/load/$name.js" ] || { echo "load: there is no tests/load/$name.js" >&2; exit 1; }
done

ulimit -n 8192 2>/dev/null || true # a socket for each user
start_taskflow "${CARGO_TARGET_DIR:-target}/$profile/$program"
for name in "$@"; do
  echo "--- $name"
  TASKFLOW_URL=$url k6 run --quiet --no-usage-report --address '' "tests/load/$name.js"
done
