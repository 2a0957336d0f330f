#!/usr/bin/env bash
# Everything that can be checked of terraform/ without an account: format, validity, tests against mock providers, tflint, checkov, secrets.
# Needs terraform, tflint and checkov on the PATH, and the providers: from the registry, or from a mirror that TF_CLI_CONFIG_FILE names.
# TERRAFORM_ROOTS limits which roots are checked (default: all).
set -euo pipefail
cd "$(dirname "$0")/../.."

roots=${TERRAFORM_ROOTS:-. examples/lambda}
examples="free-tier managed"

for tool in terraform tflint checkov; do
  command -v "$tool" >/dev/null || { echo "terraform-check: $tool is missing" >&2; exit 1; }
done

terraform fmt -check -diff -recursive terraform

# A copy: init writes a lock file, and the checksums of a mirror's providers are not those of the registry.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files --cached --others --exclude-standard --deduplicate -- terraform functions knative dapr-components |
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

echo "--- tflint"
tflint --chdir=terraform --recursive --config="$PWD/terraform/.tflint.hcl"

echo "--- checkov"
checkov --directory terraform --framework terraform --quiet --compact --skip-download

# .checkov.baseline knows the examples of connection strings in tests; `just secrets-known` writes it anew after somebody has read it.
echo "--- secrets"
checkov --directory . --framework secrets --enable-secret-scan-all-files --skip-path target --skip-path .git --baseline .checkov.baseline \
  --quiet --compact --skip-download
