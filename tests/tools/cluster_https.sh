#!/usr/bin/env bash
# Tests HTTPS from outside the running cluster: a load balancer's address, a certificate from Pebble (a real ACME authority), and the smoke test over
# HTTPS with all functions at zero. tests/cluster calls it inside the network of a cluster that runs Taskflow. Needs root, because it uses its own
# hosts file. Environment:
#   PEBBLE, PEBBLE_CHALLTESTSRV   the authority and its DNS server
#   CLUSTER_NODE                  an address of this machine that pods reach
#   IMAGES, OVERLAY               as for rollout.sh
#   TASKFLOW_API_TOKEN            the API's token
#   LOAD_BALANCER (10.96.255.250) an unused address; kube-proxy routes it to the Service, like a real load balancer's
# Prints `orders: N`, and restores the gateway's configuration.
set -euo pipefail
[ -n "${HTTPS_PRIVATE:-}" ] || HTTPS_PRIVATE=yes exec unshare --mount --propagation private "$0" "$@"
cd "$(dirname "$0")/../.."

: "${PEBBLE:?}" "${PEBBLE_CHALLTESTSRV:?}" "${CLUSTER_NODE:?}" "${IMAGES:?}" "${OVERLAY:?}" "${TASKFLOW_API_TOKEN:?}"
readonly domain=tasks.test address=${LOAD_BALANCER:-10.96.255.250} api=14000 management=15000 dns=8053
readonly seconds=420 # a killed gateway holds its order for 5 minutes

scratch=$(mktemp -d)
started=()
fail() { echo "cluster-https: $*" >&2; exit 1; }
cluster() { kubectl --namespace taskflow "$@"; }
restore() {
  local status=$?
  [ "$status" = 0 ] || { tail -n 40 "$scratch/pebble.log" || true; cluster logs deployment/gateway --container gateway --tail 40 || true; } >&2
  cluster delete configmap taskflow-settings authority --ignore-not-found >/dev/null || true
  cluster delete service gateway-public --ignore-not-found >/dev/null || true
  cluster patch deployment gateway --type json --patch '[
    {"op": "remove", "path": "/spec/template/spec/hostAliases"}, {"op": "remove", "path": "/spec/template/spec/volumes"},
    {"op": "remove", "path": "/spec/template/spec/containers/0/volumeMounts"}]' >/dev/null || true
  cluster rollout status deployment/gateway --timeout 3m >/dev/null || true
  [ ${#started[@]} = 0 ] || kill "${started[@]}" 2>/dev/null || true
  rm -rf "$scratch"
  exit "$status"
}
trap restore EXIT
within() { # COMMAND…: until it succeeds
  local end=$((SECONDS + seconds))
  until "$@" >"$scratch/last" 2>&1; do
    [ "$SECONDS" -lt "$end" ] || { cat "$scratch/last" >&2; return 1; }
    sleep 0.5
  done
}

# --- the authority, which resolves every name to the load balancer's address

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=root -keyout "$scratch/root.key" -out "$scratch/root.pem" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=authority -keyout "$scratch/api.key" -out "$scratch/api.csr" 2>/dev/null
openssl x509 -req -days 1 -in "$scratch/api.csr" -CA "$scratch/root.pem" -CAkey "$scratch/root.key" -out "$scratch/api.pem" \
  -extfile <(echo subjectAltName=DNS:authority) 2>/dev/null
jq --null-input --arg folder "$scratch" --arg api "0.0.0.0:$api" --arg management "127.0.0.1:$management" '{pebble: {
  listenAddress: $api, managementListenAddress: $management, certificate: "\($folder)/api.pem", privateKey: "\($folder)/api.key",
  httpPort: 80, tlsPort: 443, retryAfter: {authz: 1, order: 1}, keyAlgorithm: "ecdsa",
  profiles: {default: {description: "for tests", validityPeriod: 86400}}}}' >"$scratch/pebble.json"
"$PEBBLE_CHALLTESTSRV" -dnsserver "127.0.0.1:$dns" -management 127.0.0.1:8055 -defaultIPv4 "$address" -defaultIPv6= -http01= -https01= -tlsalpn01= -doh= \
  >"$scratch/dns.log" 2>&1 &
started+=($!)
# Slow enough for a roll-out while the order is open.
PEBBLE_VA_SLEEPTIME=10 PEBBLE_WFE_NONCEREJECT=0 "$PEBBLE" -config "$scratch/pebble.json" -dnsserver "127.0.0.1:$dns" >"$scratch/pebble.log" 2>&1 &
started+=($!)
{
  cat /etc/hosts
  echo "127.0.0.1 authority"
  echo "$address $domain list-tags.$domain"
} >"$scratch/hosts"
mount --bind "$scratch/hosts" /etc/hosts
within curl --silent --fail --cacert "$scratch/root.pem" "https://authority:$api/dir" || fail "the authority does not start"
curl --silent --fail --cacert "$scratch/root.pem" "https://authority:$management/roots/0" >"$scratch/issuer.pem"
orders() { grep -c 'POST /order-plz' "$scratch/pebble.log" || true; }

# --- the load balancer, and a gateway with a domain

helm template gateway-public platform/gateway-public --namespace taskflow | cluster apply --filename -
cluster patch service gateway-public --subresource status --type merge --patch "{\"status\": {\"loadBalancer\": {\"ingress\": [{\"ip\": \"$address\"}]}}}"
cluster create configmap authority --from-file "roots.pem=$scratch/root.pem"
cluster create configmap taskflow-settings --from-literal "TASKFLOW_DOMAIN=$domain" --from-literal TASKFLOW_FUNCTION_HOSTS=true \
  --from-literal "TASKFLOW_ACME_DIRECTORY=https://authority:$api/dir" --from-literal TASKFLOW_ACME_ROOTS=/authority/roots.pem
cluster patch deployment gateway --patch "
spec:
  template:
    spec:
      hostAliases: [{ip: $CLUSTER_NODE, hostnames: [authority]}]
      volumes: [{name: authority, configMap: {name: authority}}]
      containers: [{name: gateway, volumeMounts: [{name: authority, mountPath: /authority}]}]"

# --- a roll-out while the order is open

ordered() { [ "$(orders)" -ge 1 ]; }
within ordered || fail "the gateway ordered no certificate"
cluster rollout restart deployment/gateway
export CURL_CA_BUNDLE=$scratch/issuer.pem
live() { curl --silent --show-error --fail --max-time 5 "https://$domain/health/live"; }
within live || fail "HTTPS does not work from outside"
cluster rollout status deployment/gateway --timeout 3m
serial() { openssl s_client -connect "$address:443" -servername "$domain" </dev/null 2>/dev/null | openssl x509 -noout -serial; }
first=$(serial)
[ "$(orders)" = 1 ] || fail "$(orders) orders for a roll-out while the first was open"

# --- checks from outside

tests/tools/smoke.sh "https://$domain"
own=$(curl --silent --output /dev/null --write-out '%{http_code}' --max-time 60 --header "Authorization: Bearer $TASKFLOW_API_TOKEN" "https://list-tags.$domain/api/tags")
[ "$own" = 200 ] || fail "a function's own public URL answers $own"
redirect=$(curl --silent --output /dev/null --write-out '%{http_code} %{redirect_url}' --max-time 10 "http://$domain/page?x=1")
[ "$redirect" = "308 https://$domain/page?x=1" ] || fail "http answers $redirect"

# --- the same release twice

for rotation in 7 8; do
  SECRETS_ROTATION=$rotation terraform/scripts/rollout.sh >"$scratch/rollout.log" 2>&1 || { cat "$scratch/rollout.log" >&2; fail "the roll-out failed"; }
done
within live || fail "no HTTPS after a roll-out"
[ "$(serial)" = "$first" ] && [ "$(orders)" = 1 ] || fail "a roll-out changed the certificate: $first, $(serial), $(orders) orders"
restarts=$(cluster get pods --selector app=gateway --output 'jsonpath={.items[*].status.containerStatuses[*].restartCount}')
[[ ! $restarts =~ [1-9] ]] || fail "a probe failed: $restarts restarts"
echo "orders: $(orders)"
