#!/usr/bin/env bash
# Reads dead letters, and replays them to their consumers.
#   dead_letters.sh read WHERE        prints one JSON line for each letter. WHERE is
#                                       http://… or https://…   Taskflow in one process
#                                       strimzi                 Kafka in the cluster of kubectl's context
#                                       redpanda                Redpanda, by rpk and its current profile
#                                       HOST:PORT               a Kafka without a password; KAFKA_LIBS is the folder of its jars
#   dead_letters.sh replay URL FILE   posts each line to the Taskflow at this URL; fails unless all are accepted
# Environment: TASKFLOW_API_TOKEN, if Taskflow has one. Posting a letter twice within 15 days is harmless, because its consumer remembers it.
set -euo pipefail

readonly topic=dead-letters letters_max=100000
readonly quiet_ms=10000 # Kafka's console consumer ends after this time without a message

fail() { echo "dead-letters: $*" >&2; exit 1; }
need() { command -v "$1" >/dev/null || fail "$1 is missing"; }
usage() { sed -n '3,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }

umask 077
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
[ -z "${TASKFLOW_API_TOKEN:-}" ] || printf 'header = "Authorization: Bearer %s"\n' "$TASKFLOW_API_TOKEN" >"$scratch/curlrc"
touch "$scratch/curlrc"
call() { curl --config "$scratch/curlrc" --silent --show-error --max-time 90 "$@"; }

# Kafka's console consumer ends with an error if there are no more messages. That is not a failure.
records() {
  local status=0
  case $1 in
    strimzi)
      need kubectl
      local pod
      pod=$(kubectl --namespace kafka get pods --selector strimzi.io/component-type=kafka --output 'jsonpath={.items[0].metadata.name}') && [ -n "$pod" ] ||
        fail "no broker in the namespace kafka of kubectl's context"
      kubectl --namespace kafka exec "$pod" --container kafka -- bin/kafka-console-consumer.sh --bootstrap-server localhost:9092 \
        --topic "$topic" --from-beginning --timeout-ms "$quiet_ms" --max-messages "$letters_max" 2>"$scratch/said" || status=$?
      ;;
    redpanda)
      need rpk
      rpk topic consume "$topic" --offset :end --num "$letters_max" --format '%v\n' 2>"$scratch/said" || status=$?
      ;;
    *:*)
      need java
      [ -d "${KAFKA_LIBS:-}" ] || fail "KAFKA_LIBS does not name the folder of Kafka's jars"
      # Kafka's own client; a value is one line.
      { java -Xmx128m -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp "$KAFKA_LIBS/*" \
        "$(dirname "$0")/Records.java" consume "$1" "$topic" | cut --delimiter '|' --fields 4-; } 2>"$scratch/said" || status=$?
      ;;
    *) usage ;;
  esac
  [ "$status" = 0 ] || grep -q TimeoutException "$scratch/said" || { cat "$scratch/said" >&2; fail "$topic cannot be read"; }
}

read_letters() {
  need jq
  case $1 in
    http://* | https://*)
      local status total shown
      status=$(call --output "$scratch/answer" --dump-header "$scratch/headers" --write-out '%{http_code}' "${1%/}/dead-letters") || fail "$1 does not answer"
      [ "$status" = 200 ] || fail "$1 answers $status: $(jq --raw-output '.detail // .title // .' "$scratch/answer" 2>/dev/null || true)"
      jq --compact-output '.[]' "$scratch/answer"
      total=$(sed -n 's/^x-total-count: *\([0-9]*\).*/\1/Ip' "$scratch/headers")
      shown=$(jq length "$scratch/answer")
      [ "$shown" -ge "$total" ] || echo "dead-letters: $shown of $total are shown; the rest after these are replayed" >&2
      ;;
    *) records "$1" >"$scratch/records" && jq --compact-output . "$scratch/records" ;;
  esac
}

replay() { # URL FILE
  need jq
  local letter what status accepted=0 refused=0
  [ -r "$2" ] || fail "$2 cannot be read"
  while IFS= read -r letter; do
    [ -n "$letter" ] || continue
    what=$(jq --raw-output '"\(.consumer) \(.type) \(.id)"' <<<"$letter" 2>/dev/null) || { refused=$((refused + 1)); echo "not accepted: this line is not JSON: ${letter:0:80}"; continue; }
    printf '%s' "$letter" >"$scratch/letter"
    status=$(call --output "$scratch/answer" --write-out '%{http_code}' --header 'content-type: application/cloudevents+json' \
      --data-binary "@$scratch/letter" "${1%/}/dead-letters") || fail "$1 does not answer; $accepted were accepted before"
    if [ "$status" = 204 ]; then
      accepted=$((accepted + 1))
      echo "accepted: $what"
    else
      refused=$((refused + 1))
      echo "not accepted: $what: $status $(jq --raw-output '[.detail // .title] + [.errors[]? | "\(.pointer) \(.detail)"] | join("; ")' "$scratch/answer" 2>/dev/null || true)"
    fi
  done <"$2"
  echo "dead-letters: $accepted accepted, $refused not accepted"
  [ "$refused" = 0 ]
}

case $#:${1:-} in
  2:read) read_letters "$2" ;;
  3:replay) replay "$2" "$3" ;;
  *) usage ;;
esac
