#!/usr/bin/env bash
# Backs up and restores a real Taskflow on a real PostgreSQL. Checks that a restore brings back the dump's content, and that a broken backup changes
# nothing. Tests the cluster's daily backup script as well, with a small object store. Needs PostgreSQL's programs, curl, jq. TASKFLOW_PROGRAM is the
# path of a built taskflow; without it, cargo builds one.
set -euo pipefail
cd "$(dirname "$0")/../.."

PATH=$PATH:$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort --version-sort | tail -n 1)
for tool in initdb pg_ctl pg_dump pg_restore psql curl jq; do
  command -v "$tool" >/dev/null || { echo "backup-check: $tool is missing" >&2; exit 1; }
done
if [ -z "${TASKFLOW_PROGRAM:-}" ]; then
  cargo build --quiet --package taskflow
  TASKFLOW_PROGRAM=${CARGO_TARGET_DIR:-target}/debug/taskflow
fi

scratch=$(mktemp -d)
taskflow=
as_user=()
if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses root
  as_user=(setpriv --reuid nobody --regid nogroup --clear-groups)
  chown nobody:nogroup "$scratch"
fi
store=
stop_taskflow() { [ -z "$taskflow" ] || { kill "$taskflow" 2>/dev/null && wait "$taskflow"; } || true; taskflow=; }
trap 'stop_taskflow; [ -z "$store" ] || kill "$store" 2>/dev/null; "${as_user[@]}" pg_ctl --pgdata "$scratch/data" --mode immediate --silent stop 2>/dev/null || true; rm -rf "$scratch"' EXIT

fail() { echo "backup-check: $*" >&2; exit 1; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

password='p@ss word'
(umask 077 && printf '%s\n' "$password" >"$scratch/password")
[ "${#as_user[@]}" = 0 ] || chown nobody "$scratch/password"
port=$(free_port)
"${as_user[@]}" initdb --pgdata "$scratch/data" --username taskflow --pwfile "$scratch/password" --auth scram-sha-256 --no-sync >/dev/null
"${as_user[@]}" pg_ctl --pgdata "$scratch/data" --silent --wait --log "$scratch/postgres.log" \
  --options "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=" start >/dev/null
export DATABASE_URL="postgres://taskflow:p%40ss%20word@127.0.0.1:$port/postgres" # checkov:skip=CKV_SECRET_4:a server of this test

url=
start_taskflow() {
  local web
  web=$(free_port)
  PORT=$web TASKFLOW_DATA_DIR=$scratch/taskflow "$TASKFLOW_PROGRAM" >"$scratch/taskflow.log" 2>&1 &
  taskflow=$!
  url=http://127.0.0.1:$web
  for _ in {1..300}; do
    curl --fail --silent "$url/health/ready" >/dev/null && return
    kill -0 "$taskflow" 2>/dev/null || break
    sleep 0.1
  done
  cat "$scratch/taskflow.log" >&2
  fail "Taskflow does not start"
}
titles() { curl --fail --silent "$url/api/tasks?sort_by=title&order=asc" | jq --compact-output '[.[].title]'; }
create() { curl --fail --silent --output /dev/null --header 'content-type: application/json' --data "{\"title\": \"$1\"}" "$url/api/tasks"; }

start_taskflow
create one && create two
tests/tools/backup.sh dump "$scratch/backup" >/dev/null # while Taskflow works

# The cluster's daily backup, with its own script.
mkdir "$scratch/bucket"
python3 tests/tools/put_server.py "$scratch/bucket" >"$scratch/store-port" &
store=$!
for _ in {1..100}; do [ ! -s "$scratch/store-port" ] || break; sleep 0.1; done
daily=(env "FILE=$scratch/daily" "BACKUP_URL=http://127.0.0.1:$(cat "$scratch/store-port")/p/secret/n/space/b/backups/o/" platform/backup/backup.sh)
"${daily[@]}" dump
"${daily[@]}" upload >"$scratch/daily-said"
daily_backup=$(find "$scratch/bucket" -name 'taskflow-*.dump')
if [ ! -s "$daily_backup" ] || ! grep -q "bytes in ${daily_backup##*/}" "$scratch/daily-said"; then fail "the daily backup did not arrive: $(cat "$scratch/daily-said")"; fi
! DATABASE_URL="postgres://taskflow:wrong@127.0.0.1:$port/postgres" "${daily[@]}" dump 2>/dev/null || fail "a daily backup without access to the database succeeded" # checkov:skip=CKV_SECRET_4:wrong on purpose

create three
[ "$(titles)" = '["one","three","two"]' ] || fail "the three tasks do not exist: $(titles)"

! tests/tools/backup.sh dump "$scratch/backup" 2>/dev/null || fail "a backup was overwritten"
[ "$(stat -c %a "$scratch/backup")" = 600 ] || fail "others may read the backup"

stop_taskflow
head -c 3000 "$scratch/backup" >"$scratch/broken"
! tests/tools/backup.sh restore "$scratch/broken" 2>/dev/null || fail "a broken backup was restored"
start_taskflow
[ "$(titles)" = '["one","three","two"]' ] || fail "a broken backup changed something: $(titles)"

stop_taskflow
tests/tools/backup.sh restore "$scratch/backup" >/dev/null
start_taskflow
[ "$(titles)" = '["one","two"]' ] || fail "the restored tasks differ from the backup: $(titles)"
create four || fail "no task can be created after the restore"
stop_taskflow

tests/tools/backup.sh restore "$scratch/backup.before" >/dev/null
start_taskflow
[ "$(titles)" = '["one","three","two"]' ] || fail "the content from before the restore cannot be restored: $(titles)"
stop_taskflow

rm "$scratch/backup.before"
tests/tools/backup.sh restore "$daily_backup" >/dev/null
start_taskflow
[ "$(titles)" = '["one","two"]' ] || fail "the tasks restored from the daily backup differ from the backup: $(titles)"
stop_taskflow

! DATABASE_URL="postgres://taskflow:wrong@127.0.0.1:$port/postgres" tests/tools/backup.sh dump "$scratch/other" 2>/dev/null || fail "a backup with a wrong password succeeded" # checkov:skip=CKV_SECRET_4:wrong on purpose
[ ! -e "$scratch/other" ] && [ ! -e "$scratch/other.part" ] || fail "a failed backup left a file"

# If another session uses the database, the restore gives up instead of waiting without a limit.
psql --quiet --no-psqlrc "$DATABASE_URL" --command "begin" --command "select 1 from tasks" --command "select pg_sleep(120)" >/dev/null 2>&1 &
holder=$!
for _ in {1..100}; do
  [ "$(psql --no-psqlrc --tuples-only --no-align "$DATABASE_URL" --command "select count(*) from pg_locks l join pg_class c on c.oid = l.relation where c.relname = 'tasks' and l.mode = 'AccessShareLock'")" = 0 ] || break
  sleep 0.1
done
! BACKUP_LOCK_TIMEOUT=1s tests/tools/backup.sh restore "$scratch/backup" 2>"$scratch/error" >/dev/null || fail "a table in use was replaced"
kill "$holder" && wait "$holder" 2>/dev/null || true
grep -q "stop it first" "$scratch/error" || fail "the message does not say what to do: $(cat "$scratch/error")"

echo "backup-check: dump while working, daily backup, broken backup, restore, way back, wrong password, table in use: all passed"
