#!/usr/bin/env bash
# Tests CalDAV with third-party clients on a new Taskflow: the package caldav and its server tester, vdirsyncer in both directions with a
# conflict, and todoman on the files of vdirsyncer.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/tools/taskflow.sh
. tests/tools/taskflow.sh
for program in caldav-server-tester vdirsyncer todo; do
  command -v "$program" >/dev/null || { echo "caldav: $program is missing (pip install -r tests/tools/caldav.txt)" >&2; exit 1; }
done
python=$(dirname "$(command -v vdirsyncer)")/python3
"$python" -c 'import caldav' || { echo "caldav: the Python package caldav is missing (pip install -r tests/tools/caldav.txt)" >&2; exit 1; }
start_taskflow "${TASKFLOW:-target/debug/taskflow}"
echo "caldav: $url"
TASKFLOW_URL=$url WORK=$work "$python" tests/tools/caldav_clients.py
if grep -E '"level":"ERROR"|panicked| ERROR ' "$said"; then
  echo "caldav: the server logged errors" >&2
  exit 1
fi
