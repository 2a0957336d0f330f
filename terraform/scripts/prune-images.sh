#!/usr/bin/env bash
# Deletes old images from Oracle's registry, whose storage is billed beyond the free object storage: in each repository whose name begins with
# PREFIX/, those that are older than 60 days and not among the newest 30. That keeps every release that a roll-back can need. Environment:
# COMPARTMENT, its OCID; PREFIX (taskflow). Uses the profile DEFAULT of the oci command.
set -euo pipefail

: "${COMPARTMENT:?the OCID of the compartment}"
readonly keep=30 days=60
auth=(--auth "${OCI_CLI_AUTH:-security_token}")
before=$(date -u -d "-$days days" +%Y-%m-%dT%H:%M:%S)

oci artifacts container image list "${auth[@]}" --compartment-id "$COMPARTMENT" --all |
  jq --raw-output --arg prefix "${PREFIX:-taskflow}/" --arg before "$before" --argjson keep "$keep" '
    [(.data.items // [])[] | select(."repository-name" | startswith($prefix))] | group_by(."repository-name")[]
    | sort_by(."time-created") | reverse | .[$keep:][] | select(."time-created" < $before) | [.id, ."display-name"] | @tsv' |
  while IFS=$'\t' read -r id name; do
    oci artifacts container image delete "${auth[@]}" --image-id "$id" --force </dev/null
    echo "prune-images: deleted $name"
  done
