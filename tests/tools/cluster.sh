#!/usr/bin/env bash
# Runs Taskflow on a real cluster and tests it there (tests/cluster). The caller provides a running cluster with Knative and Dapr. Environment:
#   CLUSTER_EXEC   command that runs another one inside the cluster's network, with kubectl, its DNS, and CLUSTER_NODE, an address of the machine
#                  that pods can reach
#   CLUSTER_IMAGE  command that builds an image of a program and loads it into the cluster: -t TAG NAME PROGRAM; prints the image's name
#   KAFKA_LIBS     the folder with Kafka's jars
set -euo pipefail
cd "$(dirname "$0")/../.."

for name in CLUSTER_EXEC CLUSTER_IMAGE KAFKA_LIBS; do
  [ -n "${!name:-}" ] || { echo "cluster-e2e: $name is not set; tests/README.md describes it" >&2; exit 1; }
done

programs=target/release
IMAGES=
for folder in functions/*/; do
  name=$(basename "$folder")
  [ "$name" != taskflow ] || continue
  # Names the image by its content, because the same name would not start new instances.
  tag=$(sha256sum "$programs/$name" | cut -c 1-12)
  IMAGES+=$name=$($CLUSTER_IMAGE -t "$tag" "$name" "$programs/$name")$'\n'
done
hello=$($CLUSTER_IMAGE -t "$(sha256sum "$programs/hello" | cut -c 1-12)" hello "$programs/hello")
export IMAGES HELLO_IMAGE=$hello

# Built outside the cluster's network, because it has no internet access.
cargo test --package tests --features stack --test cluster --no-run
$CLUSTER_EXEC cargo test --offline --package tests --features stack --test cluster -- --nocapture
