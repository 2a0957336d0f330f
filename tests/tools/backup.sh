#!/usr/bin/env bash
# Backs up the database to a file, or restores it: backup.sh dump FILE | restore FILE. Environment: DATABASE_URL. A dump is consistent, and Taskflow
# may continue to run. A restore replaces all tables in one transaction, after it has dumped the previous content to FILE.before.
set -euo pipefail

readonly lock_timeout=${BACKUP_LOCK_TIMEOUT:-30s}

fail() { echo "backup: $*" >&2; exit 1; }

: "${DATABASE_URL:?the database}"
file=${2:?usage: backup.sh dump FILE | restore FILE}
for tool in pg_dump pg_restore psql; do
  command -v "$tool" >/dev/null || fail "$tool is missing: it comes with PostgreSQL's client programs, of the server's version or newer"
done

# The password is passed in the environment, because every process can read the command line.
url=$DATABASE_URL
if [[ $url =~ ^(postgres(ql)?://[^:/@]+):([^@]*)@(.*)$ ]]; then
  url=${BASH_REMATCH[1]}@${BASH_REMATCH[4]}
  PGPASSWORD=$(printf '%b' "${BASH_REMATCH[3]//%/\\x}")
  export PGPASSWORD
fi
export PGCONNECT_TIMEOUT=${PGCONNECT_TIMEOUT:-30}

dump() { # FILE; whole or not at all
  (umask 077 && pg_dump --dbname "$url" --format custom --no-owner --no-privileges --no-comments --file "$1.part") || { rm -f "$1.part"; fail "nothing was backed up"; }
  mv "$1.part" "$1"
}

case $1 in
  dump)
    [ ! -e "$file" ] || fail "$file exists; choose another name"
    dump "$file"
    echo "backup: $(wc -c <"$file") bytes in $file"
    ;;
  restore)
    pg_restore --list "$file" >/dev/null || fail "$file is not a backup"
    [ ! -e "$file.before" ] || fail "$file.before exists, from another restore; move or remove it first"
    dump "$file.before"
    # Restores through SQL, because pg_restore itself waits for locks without a limit. The SQL is complete before any of it runs.
    sql=$(mktemp)
    trap 'rm -f "$sql"' EXIT
    pg_restore --clean --if-exists --exit-on-error --no-owner --no-privileges --no-comments --file - "$file" |
      sed "1,40s/^SET lock_timeout = 0;$/SET lock_timeout = '$lock_timeout';/" >"$sql" || fail "$file is damaged; the database was not changed"
    psql --no-psqlrc --quiet --dbname "$url" --single-transaction --set ON_ERROR_STOP=1 --file "$sql" >/dev/null ||
      fail "nothing was restored; the database was not changed. If a lock timed out, Taskflow still uses the database: stop it first"
    echo "backup: restored from $file; the previous content is in $file.before"
    ;;
  *) fail "usage: backup.sh dump FILE | restore FILE" ;;
esac
