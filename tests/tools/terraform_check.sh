#!/usr/bin/env bash
# Checks terraform/ as far as possible without an account: format, validity, tests with mock providers, tflint, checkov, secrets. Needs terraform,
# tflint, checkov and jq on the PATH, and the providers: from the registry, or from a mirror that TF_CLI_CONFIG_FILE names. TERRAFORM_ROOTS limits
# which roots are checked (default: all).
set -euo pipefail
cd "$(dirname "$0")/../.."

roots=${TERRAFORM_ROOTS:-. pipeline examples/lambda}
examples="free-tier managed"

for tool in terraform tflint checkov jq; do
  command -v "$tool" >/dev/null || { echo "terraform-check: $tool is missing" >&2; exit 1; }
done

terraform fmt -check -diff -recursive terraform

# A copy, because init writes a lock file, and a mirror's providers have other checksums than the registry's.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files --cached --others --exclude-standard --deduplicate -- terraform functions knative dapr-components platform |
  while read -r file; do [ ! -f "$file" ] || echo "$file"; done |
  tar --create --file - --files-from - | tar --extract --file - --directory "$copy"
[ -z "${TF_CLI_CONFIG_FILE:-}" ] || find "$copy" -name .terraform.lock.hcl -delete

for root in $roots; do
  echo "--- terraform/$root"
  terraform -chdir="$copy/terraform/$root" init -backend=false -input=false -no-color >"$copy/init.log" 2>&1 || { cat "$copy/init.log"; exit 1; }
  terraform -chdir="$copy/terraform/$root" validate -no-color
  terraform -chdir="$copy/terraform/$root" test -no-color
done

for example in $examples; do
  echo "--- terraform/examples/$example.tfvars"
  terraform -chdir="$copy/terraform" test -no-color -test-directory=examples -filter="examples/$example.tftest.hcl" -var-file="examples/$example.tfvars"
done

# There is no cluster, so the stand-in for kubectl reports every condition as met.
echo "--- terraform/tests/apply"
mkdir "$copy/stand-ins"
# shellcheck disable=SC2016 # for the stand-in
printf '#!/bin/sh\necho "${0##*/} $*" >>"%s"\n' "$copy/asked" >"$copy/stand-ins/kubectl"
chmod +x "$copy/stand-ins/kubectl"
cp "$copy/stand-ins/kubectl" "$copy/stand-ins/oci"
PATH=$copy/stand-ins:$PATH terraform -chdir="$copy/terraform" test -no-color -test-directory=tests/apply
for resource in knativeserving/knative-serving kafka/taskflow; do
  grep -q "kubectl wait $resource " "$copy/asked" || { echo "terraform-check: an apply does not wait for $resource" >&2; exit 1; }
done

echo "--- tflint"
tflint --chdir=terraform --recursive --config="$PWD/terraform/.tflint.hcl"

# checkov reports a skip once per instance of its resource (a function, a log group …), and does not report a skip whose object is gone. So this check
# compares the reported skips with the written ones. A written skip that skips nothing fails the check, and so does an unwritten one.
echo "--- checkov"
failed=false
checkov --directory terraform --framework terraform --compact --skip-download --output json >"$copy/checkov.json" || failed=true
checks() { # KIND FORMAT: a line for each object as it is written, not for each of its instances
  jq --raw-output --arg kind "$1" 'if type == "array" then .[] else . end | .results[$kind]
    | group_by([.check_id, .file_path, (.resource | sub("\\[[^\\]]*\\]$"; ""))])[] | (.[0] + {instances: length}) | '"$2" "$copy/checkov.json" | sort
}
checks failed_checks '"\(.check_id) FAILED in terraform\(.file_path):\(.file_line_range[0]), \(.resource): \(.check_name)"'
checks skipped_checks '"\(.check_id) skipped in terraform\(.file_path), instances: \(.instances): \(.check_result.suppress_comment)"' | tee "$copy/skipped"
jq --raw-output 'if type == "array" then .[] else . end | .summary | "passed: \(.passed), failed: \(.failed), skipped: \(.skipped)"' "$copy/checkov.json"
[ "$failed" = false ] || exit 1
written=$(git ls-files --cached --others --exclude-standard -- 'terraform/*.tf' | xargs grep --no-filename '#checkov:skip=' | wc -l)
[ "$(wc -l <"$copy/skipped")" -eq "$written" ] || { echo "terraform-check: $written skips are written, and $(wc -l <"$copy/skipped") skip anything" >&2; exit 1; }

# .checkov.baseline lists the examples of connection strings in tests. Read the list before `just secrets-known` updates it.
echo "--- secrets"
checkov --directory . --framework secrets --enable-secret-scan-all-files --skip-path target --skip-path .git --baseline .checkov.baseline \
  --quiet --compact --skip-download
