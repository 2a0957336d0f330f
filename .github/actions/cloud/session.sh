#!/usr/bin/env bash
# Exchanges the job's GitHub token for an hour's session with Oracle Cloud, and writes it as a profile of the oci command. No key is stored
# anywhere: the key pair is made here and ends with the job. docs/runbook.md says how Oracle is told to trust GitHub.
# Environment: OCI_DOMAIN_URL, OCI_CLIENT_ID, OCI_CLIENT_SECRET, OCI_TENANCY, OCI_REGION; and what GitHub sets in a job with `id-token: write`.
set -euo pipefail

fail() { echo "::error::$*"; exit 1; }

for name in OCI_DOMAIN_URL OCI_CLIENT_ID OCI_CLIENT_SECRET OCI_TENANCY OCI_REGION; do
  [ -n "${!name:-}" ] || fail "$name is not set: see docs/runbook.md, The pipeline's rights"
done
[ -n "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" ] || fail "the job has no GitHub token: it needs permissions: id-token: write"

folder=${OCI_SESSION_DIR:-$HOME/.oci}
umask 077
mkdir -p "$folder"
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$folder/session.pem" 2>/dev/null
openssl pkey -in "$folder/session.pem" -pubout -outform DER -out "$folder/session.der"
fingerprint=$(openssl md5 -c "$folder/session.der" | sed 's/.*= *//')

github_token=$(curl --fail --silent --show-error --max-time 30 --header "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \
  "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$OCI_TENANCY" | jq --raw-output .value)
echo "::add-mask::$github_token"

# The body and the client's password go through files, not through the command line, where every process could read them.
printf 'user = "%s:%s"\n' "$OCI_CLIENT_ID" "$OCI_CLIENT_SECRET" >"$folder/client"
printf '%s' "$github_token" >"$folder/subject"
base64 -w 0 "$folder/session.der" >"$folder/public"
answer=$(curl --silent --show-error --max-time 30 --config "$folder/client" "${OCI_DOMAIN_URL%/}/oauth2/v1/token" \
  --data-urlencode "grant_type=urn:ietf:params:oauth:grant-type:token-exchange" \
  --data-urlencode "requested_token_type=urn:oci:token-type:oci-upst" \
  --data-urlencode "subject_token_type=jwt" \
  --data-urlencode "subject_token@$folder/subject" \
  --data-urlencode "public_key@$folder/public")
rm -f "$folder/client" "$folder/subject" "$folder/public" "$folder/session.der"

session=$(jq --raw-output '.token // empty' <<<"$answer")
[ -n "$session" ] || fail "Oracle refused the exchange: $(jq --raw-output '.error_description // .error // "no reason given"' <<<"$answer")"
echo "::add-mask::$session"
printf '%s' "$session" >"$folder/session.token"

cat >"$folder/config" <<CONFIG
[DEFAULT]
tenancy=$OCI_TENANCY
region=$OCI_REGION
fingerprint=$fingerprint
key_file=$folder/session.pem
security_token_file=$folder/session.token
CONFIG
