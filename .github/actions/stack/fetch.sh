#!/usr/bin/env bash
# Fetches released parts, Dapr's daprd and scheduler and Apache Kafka, into a folder, and prints the variables that name them: fetch.sh FOLDER.
# Versions are pinned; a checksum is the publisher's own, beside the file: it finds a broken or a changed download, not a forged release. So the jobs
# that run these have no secrets and no rights.
# Environment: DAPR_RELEASES, KAFKA_RELEASES, where else releases are.
set -euo pipefail

readonly dapr=1.18.2 kafka=4.1.2 scala=2.13
dapr_releases=${DAPR_RELEASES:-https://github.com/dapr/dapr/releases/download}/v$dapr
kafka_releases=${KAFKA_RELEASES:-https://archive.apache.org/dist/kafka}/$kafka

folder=${1:?usage: fetch.sh FOLDER}
mkdir -p "$folder"
cd "$folder"

get() { curl --fail --silent --show-error --location --retry 5 --retry-all-errors --max-time 600 --output "${1##*/}" "$1"; }

fetch() { # URL BITS
  local file=${1##*/} digits=$(($2 / 4)) sum
  get "$1"
  get "$1.sha$2"
  # Dapr's says `SUM *FILE`, Apache's `FILE: SUM` in groups of capitals and several lines.
  sum=$(tr -d ' \r\n' <"$file.sha$2" | sed "s/$file//g" | tr '[:upper:]' '[:lower:]' | grep -oE "[0-9a-f]{$digits}" | head -n 1) ||
    { echo "stack: no checksum of $digits digits in $1.sha$2" >&2; exit 1; }
  echo "$sum  $file" | "sha$2sum" --check --quiet >&2 || { echo "stack: $file is not what its publisher's checksum says" >&2; exit 1; }
  tar --extract --gzip --file "$file"
  rm "$file" "$file.sha$2"
}

fetch "$dapr_releases/daprd_linux_amd64.tar.gz" 256
fetch "$dapr_releases/scheduler_linux_amd64.tar.gz" 256
fetch "$kafka_releases/kafka_$scala-$kafka.tgz" 512

echo "DAPRD=$PWD/daprd"
echo "DAPR_SCHEDULER=$PWD/scheduler"
echo "KAFKA_LIBS=$PWD/kafka_$scala-$kafka/libs"
for part in daprd scheduler "kafka_$scala-$kafka/libs"; do
  [ -x "$part" ] || { echo "stack: there is no $part in the release" >&2; exit 1; }
done
