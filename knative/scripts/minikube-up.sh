#!/usr/bin/env bash
# Everything from `minikube start` to a URL: `just minikube-up`. Again, it brings what is there up to date. Needs minikube, kubectl, helm, docker with
# buildx, openssl, curl, and 4 CPUs, 8 GB of memory and 20 GB of disk for the node. `minikube delete --profile taskflow` takes all of it away.
# Environment: PROFILE (taskflow); PORT (8080), where Taskflow is on this machine.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly profile=${PROFILE:-taskflow} port=${PORT:-8080} node_port=30080
# Tried together; Kubernetes, Dapr and Kafka are what the end-to-end tests run, see tests/README.md.
readonly kubernetes=v1.34.4 knative=knative-v1.23.0 kourier=knative-v1.23.0 dapr=1.18.2 strimzi=1.0.1
readonly patience=10m

say() { echo "minikube-up: $*" >&2; }
fail() { say "$*"; exit 1; }
kube() { kubectl --context "$profile" "$@"; }
random() { openssl rand -hex 24; }

for tool in minikube kubectl helm docker openssl curl; do
  command -v "$tool" >/dev/null || fail "$tool is missing"
done
docker buildx version >/dev/null 2>&1 || fail "docker has no buildx, which builds the images"

start_node() {
  # Without effect on a node that is there.
  minikube start --profile "$profile" --cpus 4 --memory 8g --disk-size 20g --kubernetes-version "$kubernetes" --ports "127.0.0.1:$port:$node_port"
}

install_knative() {
  local serving=https://github.com/knative/serving/releases/download/$knative
  kube apply --server-side --filename "$serving/serving-crds.yaml"
  kube wait --for condition=Established --timeout "$patience" crd --all
  kube apply --filename "$serving/serving-core.yaml"
  kube apply --filename "https://github.com/knative-extensions/net-kourier/releases/download/$kourier/kourier.yaml"
  kube --namespace knative-serving patch configmap config-network --type merge \
    --patch '{"data": {"ingress-class": "kourier.ingress.networking.knative.dev"}}'
  kube --namespace knative-serving wait deployment --all --for condition=Available --timeout "$patience"
}

install_dapr() {
  helm --kube-context "$profile" upgrade --install dapr dapr --repo https://dapr.github.io/helm-charts --version "$dapr" \
    --namespace dapr-system --create-namespace --set global.actors.enabled=false --wait --timeout "$patience"
  helm --kube-context "$profile" upgrade --install dapr-dashboard dapr-dashboard --repo https://dapr.github.io/helm-charts \
    --namespace dapr-system --wait --timeout "$patience"
}

# Makes a namespace that is not there.
namespace() {
  kube create namespace "$1" --dry-run=client --output yaml | kube apply --filename -
}

# Makes a secret that is not there: what was given out once stays.
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

install_parts() {
  namespace kafka
  namespace postgres
  helm --kube-context "$profile" upgrade --install strimzi oci://quay.io/strimzi-helm/strimzi-kafka-operator --version "$strimzi" \
    --namespace kafka --wait --timeout "$patience"
  secret postgres postgres "password=$(random)"
  kube apply --kustomize knative/overlays/minikube/platform
  kube --namespace kafka wait kafka/taskflow --for condition=Ready --timeout "$patience"
  kube --namespace postgres rollout status statefulset/postgres --timeout "$patience"
}

make_secrets() {
  namespace taskflow
  secret taskflow dapr-api-token "token=$(random)"
  secret taskflow app-api-token "token=$(random)"
  secret taskflow taskflow-secrets "api-token=$(random)" "gemini-api-key=${GEMINI_API_KEY:-}" \
    "neon-connection-string=postgres://taskflow:$(value postgres postgres password)@postgres.postgres.svc.cluster.local:5432/taskflow?sslmode=disable" \
    redpanda-bootstrap-servers=taskflow-kafka-bootstrap.kafka.svc.cluster.local:9092 redpanda-username= redpanda-password=
}

# In the node's own Docker, so that no registry is needed. Knative looks up no digest for names of dev.local.
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

# The published port is there with Docker as the driver; with a virtual machine the node has an address of its own.
find_url() {
  local candidate
  for candidate in "http://127.0.0.1:$port" "http://$(minikube --profile "$profile" ip):$node_port"; do
    ! curl --silent --fail --max-time 5 --output /dev/null "$candidate/health/live" || { echo "$candidate"; return; }
  done
  fail "nothing answers at port $port or $node_port: just doctor"
}

start_node
install_knative
install_dapr
install_parts
make_secrets
roll_out
url=$(find_url)
say "the API's token: $(value taskflow taskflow-secrets api-token)"
say "Dapr's dashboard: kubectl --context $profile --namespace dapr-system port-forward service/dapr-dashboard 8081:8080"
echo "$url"
