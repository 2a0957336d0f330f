#!/usr/bin/env bash
# Gives this machine access to the Kubernetes API while it needs it: door.sh open | close. The pipeline uses it, because its runners have a new
# address each time; operator_cidrs lists people's addresses. Terraform does not manage the rule, so no plan shows it. Environment:
# API_SECURITY_GROUP, the OCID that `terraform output -raw api_security_group_id` prints. Uses the profile DEFAULT of the oci command.
set -euo pipefail

: "${API_SECURITY_GROUP:?the security group of the Kubernetes API}"
rule_file=${DOOR_RULE_FILE:-${RUNNER_TEMP:-/tmp}/door-rule}
auth=(--auth "${OCI_CLI_AUTH:-security_token}")

case ${1:-} in
  open)
    address=$(curl --fail --silent --show-error --max-time 30 https://checkip.amazonaws.com)
    [[ $address =~ ^[0-9]+(\.[0-9]+){3}$ ]] || { echo "door: $address is not an IPv4 address" >&2; exit 1; }
    rule=$(jq --null-input --compact-output --arg source "$address/32" --arg why "pipeline run ${GITHUB_RUN_ID:-by hand}" '[{
      direction: "INGRESS", protocol: "6", source: $source, sourceType: "CIDR_BLOCK", description: $why,
      tcpOptions: {destinationPortRange: {min: 6443, max: 6443}}}]')
    oci network nsg rules add "${auth[@]}" --nsg-id "$API_SECURITY_GROUP" --security-rules "$rule" \
      --query 'data."security-rules"[0].id' --raw-output >"$rule_file"
    ;;
  close)
    [ -s "$rule_file" ] || exit 0
    oci network nsg rules remove "${auth[@]}" --nsg-id "$API_SECURITY_GROUP" --security-rule-ids "[\"$(cat "$rule_file")\"]"
    rm -f "$rule_file"
    ;;
  *) echo "usage: door.sh open | close" >&2; exit 2 ;;
esac
