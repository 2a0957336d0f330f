#!/usr/bin/env bash
# Runs Taskflow on a real cluster and tests it there (tests/cluster). The cluster is the caller's, with Knative and Dapr, running; environment:
#   CLUSTER_EXEC   command that runs another one inside the cluster's network, with kubectl, its DNS, and CLUSTER_NODE, an address of the machine
#                  that pods reach
#   CLUSTER_IMAGE  command that makes an image of a program and gives it to the cluster: -t TAG NAME PROGRAM; prints the image's name
#   KAFKA_LIBS     as for every test on real parts
set -euo pipefail
cd "$(dirname "$0")/../.."

for name in CLUSTER_EXEC CLUSTER_IMAGE KAFKA_LIBS; do
  [ -n "${!name:-}" ] || { echo "cluster-e2e: $name is not set; tests/README.md says what it is" >&2; exit 1; }
done

programs=target/release
IMAGES=
for folder in functions/*/; do
  name=$(basename "$folder")
  [ "$name" != taskflow ] || continue
  # Named by what is in it: the same name would bring no new instances.
  tag=$(sha256sum "$programs/$name" | cut -c 1-12)
  IMAGES+=$name=$($CLUSTER_IMAGE -t "$tag" "$name" "$programs/$name")$'\n'
done
hello=$($CLUSTER_IMAGE -t "$(sha256sum "$programs/hello" | cut -c 1-12)" hello "$programs/hello")
export IMAGES HELLO_IMAGE=$hello

# Built outside: the cluster's network leads nowhere.
cargo test --package tests --features stack --test cluster --no-run
$CLUSTER_EXEC cargo test --offline --package tests --features stack --test cluster -- --nocapture
