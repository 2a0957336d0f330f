#!/usr/bin/env bash
# Reduces the three schedulers of Dapr's chart to one: helm's post-renderer, from stdin to stdout. Fails if the chart no longer contains the lines to
# edit, because an unchanged rendering would start three schedulers.
set -euo pipefail

rendered=$(cat)
peers='(dapr-scheduler-server-0=https:[^,"]*),dapr-scheduler-server-1=[^"]*'
for pattern in '^  replicas: 3$' "$peers"; do
  count=$(grep -cE -- "$pattern" <<<"$rendered" || true)
  [ "$count" = 1 ] || { echo "one-scheduler: $count lines match '$pattern', not 1; Dapr's chart has changed" >&2; exit 1; }
done
sed -E -e 's/^  replicas: 3$/  replicas: 1/' -e "s/$peers/\\1/" <<<"$rendered"
