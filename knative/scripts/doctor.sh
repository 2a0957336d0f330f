#!/usr/bin/env bash
# Diagnoses Taskflow in a cluster, and prints a remedy for each problem: `just doctor`. Changes nothing. Environment: NAMESPACE (taskflow). Uses
# kubectl's current context. Exits with 1 if there is a problem.
set -euo pipefail

namespace=${NAMESPACE:-taskflow}
readonly log_lines=3 health_seconds=90 kept_seconds=60 proxy_tries=50
wrong=0

cluster() { kubectl --namespace "$namespace" "$@"; }
bad() { wrong=$((wrong + 1)); echo "- $*"; }

for tool in kubectl jq curl; do
  command -v "$tool" >/dev/null || { echo "doctor: $tool is missing" >&2; exit 2; }
done
kubectl version --output json >/dev/null 2>&1 || { echo "doctor: the cluster of kubectl's context does not answer: kubectl version" >&2; exit 2; }
cluster get namespace "$namespace" >/dev/null 2>&1 || { echo "doctor: there is no namespace $namespace" >&2; exit 2; }

check_secrets() {
  local name key value
  while read -r name key; do
    if ! cluster get secret "$name" >/dev/null 2>&1; then
      bad "secret $name is missing: it needs the key $key"
      continue
    fi
    value=$(cluster get secret "$name" --output json | jq -r --arg key "$key" '.data[$key] // "" | @base64d')
    if [ -z "$value" ]; then
      bad "secret $name has no $key"
    elif [ "$key" = neon-connection-string ] && [[ ! $value =~ ^postgres(ql)?://[^@]+@[^/]+/. ]]; then
      bad "secret $name: $key is not of the form postgres://user:password@host:5432/database"
    elif [[ $key == *token && ${#value} -lt 8 ]]; then
      bad "secret $name: $key has fewer than 8 characters"
    fi
  done <<'NEEDED'
taskflow-secrets neon-connection-string
taskflow-secrets redpanda-bootstrap-servers
taskflow-secrets api-token
dapr-api-token token
app-api-token token
NEEDED
}

# With a public name, the gateway keeps its certificate in a Secret and uses it for calls from outside.
check_certificate() {
  local domain said reason
  domain=$(cluster get configmap taskflow-settings --ignore-not-found --output 'jsonpath={.data.TASKFLOW_DOMAIN}')
  domain=${domain%%,*} domain=${domain//[[:space:]]/}
  [ -n "$domain" ] || return 0
  cluster get secret taskflow-certificate >/dev/null 2>&1 || bad "secret taskflow-certificate is missing, so the gateway cannot keep its certificate: terraform apply"
  if ! said=$(curl --silent --show-error --fail --max-time "$health_seconds" --output /dev/null "https://$domain/health/live" 2>&1); then
    reason=$(cluster get secret taskflow-certificate --ignore-not-found --output json |
      jq -r '.data["certificate.json"] // empty | @base64d | fromjson | .failures[0].reason // empty' 2>/dev/null) || true
    bad "https://$domain does not answer: ${said:-no reason given}: does the name resolve to the load balancer's address? kubectl --namespace $namespace get service gateway-public. If the authority refuses the name, set domain (terraform/README.md).${reason:+ The last order failed: $reason}"
  fi
}

check_migration() {
  local condition
  condition=$(cluster get job migrate --ignore-not-found --output json | jq -r '[.status.conditions[]? | select(.status == "True") | .type] | join(" ")')
  case " $condition " in
    *" Complete "*) ;;
    *" Failed "*) bad "the migration failed: $(last_words --selector app=migrate --container migrate)" ;;
    *) bad "the migration has not finished: kubectl --namespace $namespace describe job migrate" ;;
  esac
}

# Returns the last line of a log; of a JSON line, only its message.
last_words() {
  { cluster logs "$@" --tail "$log_lines" 2>/dev/null || true; } | jq -rR 'fromjson? // {message: .} | [.message // .msg, .error] | map(select(. != null)) | join(": ")' | tail -n 1
}

check_functions() {
  local services name reason message
  services=$(cluster get ksvc --output json)
  # Ready is false if the newest revision does not start. The previous one continues to answer.
  jq -r '.items[] | . as $service | .status.conditions[]? | select(.type == "Ready" and .status != "True")
    | [$service.metadata.name, .reason // "Unknown", (.message // "" | gsub("\\s+"; " "))] | @tsv' <<<"$services" |
    while IFS=$'\t' read -r name reason message; do printf '%s\t%s\t%s\n' "$name" "$reason" "$message"; done >"$scratch/functions"
  while IFS=$'\t' read -r name reason message; do
    bad "function $name is not ready: $reason: $message"
  done <"$scratch/functions"
  # Every function that the gateway routes to, according to this checkout's manifests.
  for name in "$(dirname "$0")"/../base/functions/*.yaml; do
    name=$(basename "$name" .yaml)
    case $name in kustomization | every-function) continue ;; esac
    jq -e --arg name "$name" 'any(.items[]; .metadata.name == $name)' <<<"$services" >/dev/null || bad "function $name does not exist: just deploy"
  done
}

check_pods() {
  local pod container reason message restarts words
  cluster get pods --output json | jq -r '.items[] | select(.metadata.deletionTimestamp == null) | .metadata.name as $pod
    | (.status.initContainerStatuses[]?, .status.containerStatuses[]?)
    | select(.state.waiting.reason // "" | IN("ContainerCreating", "PodInitializing", "") | not)
    | [$pod, .name, .state.waiting.reason, (.state.waiting.message // "" | gsub("\\s+"; " ")), .restartCount] | @tsv' >"$scratch/pods"
  while IFS=$'\t' read -r pod container reason message restarts; do
    case $reason in
      CrashLoopBackOff | Error | RunContainerError)
        words=$(last_words "$pod" --container "$container" --previous)
        bad "$pod: $container has ended $restarts times: ${words:-$message}"
        ;;
      ImagePullBackOff | ErrImagePull | ErrImageNeverPull | InvalidImageName) bad "$pod: the image of $container cannot be pulled: $message" ;;
      *) bad "$pod: $container waits: $reason: $message" ;;
    esac
  done <"$scratch/pods"
  cluster get pods --output json | jq -r '.items[] | select(.status.phase == "Pending" and .metadata.deletionTimestamp == null) | .metadata.name as $pod
    | .status.conditions[]? | select(.type == "PodScheduled" and .status == "False") | "\($pod)\t\(.message)"' >"$scratch/pending"
  while IFS=$'\t' read -r pod message; do bad "$pod cannot be scheduled: $message"; done <"$scratch/pending"
}

check_daprd() {
  local containers
  containers=$(cluster get pods --selector app=gateway --output json | jq -r '[.items[].spec | (.containers[], .initContainers[]?) | .name] | join(" ")')
  case " $containers " in
    "  ") bad "there is no gateway: kubectl --namespace $namespace describe deployment gateway" ;;
    *" daprd "*) ;;
    *) bad "the gateway has no daprd beside it: is Dapr installed? kubectl --namespace dapr-system get pods; then kubectl --namespace $namespace rollout restart deployment gateway" ;;
  esac
  { cluster logs deployment/gateway --container daprd --tail 500 2>/dev/null || true; } |
    jq -rR 'fromjson? | select(.level == "fatal" or (.level == "error" and (.msg // "" | test("component|secret|init")))) | .msg' | tail -n "$log_lines" >"$scratch/daprd"
  while read -r message; do bad "daprd: $message"; done <"$scratch/daprd"
}

ask_health() {
  : >"$scratch/headers"
  curl --silent --max-time "$health_seconds" --unix-socket "$scratch/api" --dump-header "$scratch/headers" --write-out '\n%{http_code}' \
    "http://localhost/api/v1/namespaces/$namespace/services/gateway:http/proxy/health" || true
}

# Calls /health through the API server, because that needs no ingress, and through a proxy, because `kubectl get --raw` hides the body of a 503. A
# function that cannot start delays its caller by a minute.
check_health() {
  local health status age part advice words try
  kubectl proxy --unix-socket "$scratch/api" >"$scratch/proxy" 2>&1 &
  proxy=$!
  for ((try = 0; try < proxy_tries; try++)); do
    [ ! -S "$scratch/api" ] || break
    sleep 0.1
  done
  health=$(ask_health)
  # The gateway caches an answer for a minute. One that is older than this request may be outdated.
  age=$(sed -n 's/^[Aa]ge: *\([0-9]*\).*/\1/p' "$scratch/headers")
  if [ "${age:-0}" -gt 0 ]; then
    sleep $((kept_seconds - age > 0 ? kept_seconds - age : 0))
    health=$(ask_health)
  fi
  status=${health##*$'\n'}
  health=${health%$'\n'*}
  if ! jq -e '.services' <<<"$health" >/dev/null 2>&1; then
    words=$(jq -r '.detail // .message // empty' <<<"$health" 2>/dev/null) || true
    bad "/health does not answer: status $status: ${words:-$(tr '\n' ' ' <<<"$health" | cut -c 1-300)}"
    return
  fi
  while read -r part; do
    case $part in
      database)
        words=$(last_words --selector serving.knative.dev/service=health --container user-container)
        # If the function has just started, or did not answer in time, its last log line is about something else.
        [[ $words == *database* ]] || words=
        advice="check that the database runs, and neon-connection-string in secret taskflow-secrets.${words:+ Last log line of the function: $words}"
        ;;
      events) advice="check that Kafka runs, daprd's log, and redpanda-bootstrap-servers in secret taskflow-secrets" ;;
      jobs) advice="check that the scheduler runs: kubectl --namespace dapr-system get pods" ;;
      *) advice="see daprd's log" ;;
    esac
    bad "/health: $part is down: $advice"
  done < <(jq -r '.services | to_entries[] | select(.value != "up") | .key' <<<"$health")
}

scratch=$(mktemp -d)
proxy=
trap '[ -z "$proxy" ] || kill "$proxy" 2>/dev/null; rm -rf "$scratch"' EXIT
check_secrets
check_migration
# Runs before the check of the pods, because it wakes a function. If that function cannot start, the check of the pods shows it.
check_health
check_functions
check_pods
check_daprd
check_certificate

if [ "$wrong" = 0 ]; then
  echo "doctor: no problems found"
else
  echo "doctor: $wrong problems found; see docs/runbook.md"
  exit 1
fi
