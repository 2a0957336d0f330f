#!/usr/bin/env bash
# Does everything from `minikube start` to a URL: `just minikube-up`. A second run updates the first one's cluster. Needs minikube, kubectl, helm, jq,
# docker with buildx, openssl, curl, and 4 CPUs, 8 GB of memory and 20 GB of disk for the node. `minikube delete --profile taskflow` removes
# everything. platform/ lists the charts and their versions, for Terraform as well. Environment: PROFILE (taskflow); PORT (8080), Taskflow's port on
# this machine.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly profile=${PROFILE:-taskflow} port=${PORT:-8080} node_port=30080
readonly kubernetes=v1.35.2
readonly patience=10m
# Minikube has no load balancer and no object store. Callers reach the gateway through a port of the node.
readonly left_out='["gateway-public", "backup"]'

say() { echo "minikube-up: $*" >&2; }
fail() { say "$*"; exit 1; }
kube() { kubectl --context "$profile" "$@"; }
random() { openssl rand -hex 24; }

for tool in minikube kubectl helm jq docker openssl curl; do
  command -v "$tool" >/dev/null || fail "$tool is missing"
done
[[ $(helm version --template '{{.Version}}') == v3.* ]] || fail "helm is $(helm version --template '{{.Version}}'); 3 is needed, because a post-renderer of 4 is a plugin"
docker buildx version >/dev/null 2>&1 || fail "docker has no buildx, which builds the images"

start_node() {
  # Has no effect on an existing node.
  minikube start --profile "$profile" --cpus 4 --memory 8g --disk-size 20g --kubernetes-version "$kubernetes" --ports "127.0.0.1:$port:$node_port"
}

# Creates a secret, unless it exists: a published value must not change.
secret() { # NAMESPACE NAME KEY=VALUE…
  local namespace=$1 name=$2 pair values=()
  shift 2
  ! kube --namespace "$namespace" get secret "$name" >/dev/null 2>&1 || return 0
  for pair in "$@"; do values+=(--from-literal "$pair"); done
  kube --namespace "$namespace" create secret generic "$name" "${values[@]}" >/dev/null
}

value() { # NAMESPACE NAME KEY
  kube --namespace "$1" get secret "$2" --output "jsonpath={.data.$3}" | openssl base64 -d -A
}

make_secrets() {
  secret postgres postgres "password=$(random)"
  secret taskflow dapr-api-token "token=$(random)"
  secret taskflow app-api-token "token=$(random)"
  secret taskflow taskflow-certificate
  secret taskflow taskflow-secrets "api-token=$(random)" "gemini-api-key=${GEMINI_API_KEY:-}" \
    "neon-connection-string=postgres://taskflow:$(value postgres postgres password)@postgres.postgres.svc.cluster.local:5432/taskflow?sslmode=disable" \
    redpanda-bootstrap-servers=taskflow-kafka-bootstrap.kafka.svc.cluster.local:9092 redpanda-username= redpanda-password= \
    "vapid-key=$(openssl rand 32 | openssl base64 -A | tr '+/' '-_' | tr -d =)" "link-key=$(random)" \
    "smtp-url=${TASKFLOW_SMTP_URL:-}" "webhook-token=${TASKFLOW_WEBHOOK_TOKEN:-}" "webhook-secret=${TASKFLOW_WEBHOOK_SECRET:-}"
}

# The releases of platform/charts.json, in its order: operators come before the resources that they manage.
install_platform() {
  local release namespace repository chart version options
  while read -r release namespace repository chart version; do
    options=()
    case $repository in
      ours) chart=platform/$release ;;
      oci://*) chart=$repository/$chart options=(--version "$version") ;;
      *) options=(--repo "$repository" --version "$version") ;;
    esac
    [ ! -f "platform/values/$release.yaml" ] || options+=(--values "platform/values/$release.yaml")
    [ "$release" != dapr ] || options+=(--post-renderer platform/one-scheduler.sh)
    say "installing $release"
    helm --kube-context "$profile" upgrade --install "$release" "$chart" --namespace "$namespace" --wait --timeout "$patience" "${options[@]}" </dev/null >&2
  done < <(jq --raw-output --argjson left_out "$left_out" 'to_entries[] | select(.key | IN($left_out[]) | not)
    | [.key, .value.namespace, .value.repository // "ours", .value.chart // "-", .value.version // "-"] | join(" ")' platform/charts.json)
  kube --namespace knative-serving wait knativeserving/knative-serving --for condition=Ready --timeout "$patience"
  kube --namespace kafka wait kafka/taskflow --for condition=Ready --timeout "$patience"
}

# Dapr's dashboard is only installed in Minikube.
install_dashboard() {
  helm --kube-context "$profile" upgrade --install dapr-dashboard dapr-dashboard --repo https://dapr.github.io/helm-charts \
    --namespace dapr-system --wait --timeout "$patience" >&2
}

# Loads the images into the node's own Docker, so that no registry is needed. Knative does not look up digests for names of dev.local.
build_images() {
  local tag platform name
  tag=$(git rev-parse --short=12 HEAD)$(git diff --quiet HEAD -- || echo "-$(git diff HEAD -- | openssl sha256 -r | cut -c 1-8)")
  platform=linux/$(kube get nodes --output 'jsonpath={.items[0].status.nodeInfo.architecture}')
  (
    eval "$(minikube --profile "$profile" docker-env --shell bash)"
    REGISTRY=dev.local TAG=$tag docker buildx bake --load --set "*.platform=$platform" --set "*.attest="
  ) >&2
  for name in functions/*/; do
    name=$(basename "$name")
    [ "$name" = taskflow ] || echo "$name=dev.local/$name:$tag"
  done
}

roll_out() {
  local images
  images=$(build_images)
  # rollout.sh uses kubectl's current context.
  kubectl config use-context "$profile" >/dev/null
  OVERLAY=knative/overlays/minikube IMAGES=$images terraform/scripts/rollout.sh || {
    knative/scripts/doctor.sh || true
    fail "Taskflow was not rolled out; see above"
  }
}

# With Docker as the driver, the published port is on this machine. A virtual machine has an address of its own.
find_url() {
  local candidate
  for candidate in "http://127.0.0.1:$port" "http://$(minikube --profile "$profile" ip):$node_port"; do
    ! curl --silent --fail --max-time 5 --output /dev/null "$candidate/health/live" || { echo "$candidate"; return; }
  done
  fail "nothing answers at port $port or $node_port: just doctor"
}

start_node
kube apply --filename platform/namespaces.yaml
make_secrets
install_platform
install_dashboard
roll_out
url=$(find_url)
say "the API's token: $(value taskflow taskflow-secrets api-token)"
say "Dapr's dashboard: kubectl --context $profile --namespace dapr-system port-forward service/dapr-dashboard 8081:8080"
echo "$url"
