#!/bin/sh
# The two steps of the daily backup: `backup.sh dump` writes $FILE from $DATABASE_URL, `backup.sh upload` sends it to a name below $BACKUP_URL that
# begins with the date. A dump is one consistent snapshot, and Taskflow keeps working meanwhile. tests/tools/backup_check.sh runs both and restores
# the result.
set -eu
umask 077

case ${1:-} in
  dump) pg_dump --dbname "$DATABASE_URL" --format custom --no-owner --no-privileges --no-comments --file "$FILE" ;;
  upload)
    # A day's second backup has another name, because the URL may create objects, but neither read nor replace them.
    name=taskflow-$(date -u +%Y-%m-%dT%H-%M-%SZ).dump
    # The URL is a secret, so it is not on the command line, where every process could read it.
    printf 'url = "%s%s"\n' "$BACKUP_URL" "$name" |
      curl --config - --fail --silent --show-error --retry 5 --retry-all-errors --connect-timeout 30 --upload-file "$FILE"
    echo "backup: $(wc -c <"$FILE") bytes in $name"
    ;;
  *) echo "usage: backup.sh dump | upload" >&2; exit 2 ;;
esac
