#!/usr/bin/env bash
# Tests the shell scripts of deployment with stand-ins: it records calls of kubectl and oci, uses kubectl's own kustomize, and replaces Oracle's token
# endpoint with a small server. Needs kubectl, jq, openssl, python3, shellcheck.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=$PWD

for tool in kubectl jq openssl python3 curl shellcheck; do
  command -v "$tool" >/dev/null || { echo "scripts-check: $tool is missing" >&2; exit 1; }
done

scratch=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$scratch"' EXIT
passed=0 failed=0
real_kubectl=$(command -v kubectl)

check() { # WHAT COMMAND…
  local what=$1
  shift
  if "$@" >"$scratch/check.log" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $what"
    sed 's/^/    /' "$scratch/check.log" "$scratch/out" 2>/dev/null || true
  fi
}
output_has() { grep -qF -- "$1" "$scratch/out"; }
calls_have() { grep -qE -- "$1" "$scratch/calls"; }
order() { # each of the patterns is called, in this order
  local line=0 next pattern
  for pattern in "$@"; do
    next=$(awk -v from="$line" -v pattern="$pattern" 'NR > from && $0 ~ pattern { print NR; exit }' "$scratch/calls")
    [ -n "$next" ] || { echo "not called, or too early: $pattern"; cat "$scratch/calls"; return 1; }
    line=$next
  done
}
run() { # runs a script, keeps its status and its words
  : >"$scratch/calls"
  status=0
  PATH=$scratch/bin:$PATH CALLS=$scratch/calls STATE=$scratch/state REAL_KUBECTL=$real_kubectl "$@" >"$scratch/out" 2>&1 || status=$?
}
succeeds() { [ "$status" = 0 ]; }
fails() { [ "$status" != 0 ]; }

# --- stand-ins

mkdir -p "$scratch/bin" "$scratch/state"
cat >"$scratch/bin/kubectl" <<'STUB'
#!/usr/bin/env bash
# kustomize is real. All other commands are recorded, and answered from files.
set -euo pipefail
[ "$1" != kustomize ] || exec "$REAL_KUBECTL" "$@"
echo "kubectl $*" >>"$CALLS"
args=" $* "
case $args in
  *" version "*) cat "$STATE/version" 2>/dev/null || echo ok; [ ! -f "$STATE/version" ] ;;
  *"get configmap rollouts"*) key=${args##*.data.}; cat "$STATE/rollouts/${key%%\}*}" 2>/dev/null || true ;;
  *"create configmap rollouts"*)
    rm -rf "$STATE/rollouts" && mkdir "$STATE/rollouts"
    for pair in "$@"; do case $pair in unfinished=* | current=* | previous=*) printf '%s' "${pair#*=}" >"$STATE/rollouts/${pair%%=*}" ;; esac; done
    ;;
  *" get --filename "*) echo job.batch/migrate ;;
  *"get job.batch/migrate"*) cat "$STATE/job" ;;
  *"get deployments --selector !serving.knative.dev/revision "*) echo deployment.apps/gateway ;;
  *"get deployments --output"*) echo deployment.apps/gateway deployment.apps/of-a-revision ;;
  *"get ksvc --output"*) echo "complete-task old-function" ;;
  *"wait ksvc"*) [ ! -f "$STATE/not-ready" ] ;;
  *"apply --filename -"*) cat >/dev/null ;;
  *"apply --filename "*) for last; do :; done; cp "$last" "$STATE/applied-$(basename "$last")" ;;
  *) ;;
esac
STUB
cat >"$scratch/bin/oci" <<'STUB'
#!/usr/bin/env bash
# Refuses options that the real one (3.95.1) does not have.
echo "oci $*" >>"$CALLS"
for word in "$@"; do
  case $word in
    --auth | --nsg-id | --security-rules | --security-rule-ids | --query | --raw-output | --compartment-id | --all | --image-id | --force) ;;
    --*) echo "Error: No such option '$word'." >&2; exit 2 ;;
  esac
done
case $* in
  *"rules add"*) echo rule-1 ;;
  *"image list"*) cat "$STATE/images" ;;
esac
STUB
chmod +x "$scratch/bin/"*

# --- rollout.sh

mkdir -p "$scratch/repo/functions/"{complete-task,gateway,migrate} "$scratch/repo/knative/overlays/oke"
overlay=$scratch/repo/knative/overlays/oke
cat >"$overlay/kustomization.yaml" <<'YAML'
resources: [all.yaml]
namespace: taskflow
YAML
cat >"$overlay/all.yaml" <<'YAML'
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: complete-task}
spec:
  template:
    metadata: {annotations: {autoscaling.knative.dev/min-scale: "0"}}
    spec: {containers: [{image: "taskflow/complete-task:dev"}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: gateway}
spec:
  template:
    metadata: {labels: {app: gateway}}
    spec: {containers: [{name: gateway, image: "gateway:dev"}]}
---
apiVersion: v1
kind: Service
metadata: {name: gateway}
spec: {ports: [{port: 80}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: migrate}
spec: {template: {spec: {containers: [{name: migrate, image: "dev.local/migrate:v1"}, {name: wait, image: "docker.io/library/busybox:1.37"}]}}}
YAML
digest=sha256:$(printf '0%.0s' {1..64})
images=$(printf '%s\n' "complete-task=ghcr.io/x/complete-task@$digest" "gateway=ghcr.io/x/gateway@$digest" "migrate=ghcr.io/x/migrate@$digest")
rollout=(env OVERLAY="$overlay" IMAGES="$images" SECRETS_ROTATION=7 "$here/terraform/scripts/rollout.sh")
echo Complete >"$scratch/state/job"

run "${rollout[@]}" --render
check "a rendering names every image by its digest" succeeds
for name in complete-task gateway migrate; do check "$name by digest" output_has "image: ghcr.io/x/$name@$digest"; done
check "third-party images stay" output_has "image: docker.io/library/busybox:1.37"
check "new secrets restart functions and gateway" test "$(grep -c 'taskflow/secrets-rotation: "7"' "$scratch/out")" = 2
check "existing annotations stay" output_has 'autoscaling.knative.dev/min-scale: "0"'
check "a rendering applies nothing" test ! -s "$scratch/calls"

run "${rollout[@]}"
check "a roll-out succeeds" succeeds
check "a roll-out is recorded before the first change and after its end" order "create configmap rollouts .*unfinished=complete-task" "apply .*settings.yaml" "wait ksvc" "from-literal current=complete-task"
check "a roll-out applies settings, then migrations, then programs" order "apply .*settings.yaml" "delete .*jobs.yaml" "apply .*jobs.yaml" "get job.batch/migrate" "apply .*programs.yaml" "rollout status deployment.apps/gateway" "wait ksvc"
check "a Kubernetes Service is applied with the settings" grep -q "kind: Service" "$scratch/state/applied-settings.yaml"
check "a Knative Service is applied with the programs" grep -q "serving.knative.dev/v1" "$scratch/state/applied-programs.yaml"
check "a roll-out does not wait for revisions' Deployments" sh -c "! grep -q 'rollout status deployment.apps/of-a-revision' '$scratch/calls'"
check "a Job is not applied with the programs" sh -c "! grep -q 'kind: Job' '$scratch/state/applied-programs.yaml'"
check "a roll-out deletes a function that the release no longer has" calls_have "delete ksvc old-function"
check "a roll-out keeps the release's functions" sh -c "! grep -q 'delete ksvc complete-task' '$scratch/calls'"
check "a roll-out leaves no file beside the overlay" test "$(ls -A "$scratch/repo/knative/overlays")" = oke

echo Failed >"$scratch/state/job"
run "${rollout[@]}"
check "a failed migration fails the roll-out" fails
check "a failed migration is reported" output_has "did not complete"
check "a failed migration changes no program" sh -c "! grep -q programs.yaml '$scratch/calls'"
echo Complete >"$scratch/state/job"

touch "$scratch/state/not-ready"
run "${rollout[@]}"
check "a function that does not start fails the roll-out" fails
check "a failed roll-out names the command to roll back" output_has "rollout.sh --back"
rm "$scratch/state/not-ready"

run env OVERLAY="$overlay" IMAGES="$(tail -n 2 <<<"$images")" "$here/terraform/scripts/rollout.sh"
check "a function without an image is refused" fails
check "a function without an image is named" output_has "IMAGES has no image for complete-task"
run env OVERLAY="$overlay" IMAGES="${images//@$digest/:0123abc}" "$here/terraform/scripts/rollout.sh" --render
check "an image may be named by its tag" output_has "image: ghcr.io/x/complete-task:0123abc"
run env OVERLAY="$overlay" IMAGES="${images//@$digest/}" "$here/terraform/scripts/rollout.sh" --render
check "an image with neither digest nor tag is refused" fails

# Releases 1, 2, 3 differ in their digests.
release() { # NUMBER [ARGUMENT…]
  local number=$1
  shift
  run env OVERLAY="$overlay" IMAGES="${images//$digest/sha256:$(printf "$number%.0s" {1..64})}" "$here/terraform/scripts/rollout.sh" "$@"
}
back() { run env -u IMAGES OVERLAY="$overlay" "$here/terraform/scripts/rollout.sh" --back; }
runs() { grep -q "complete-task@sha256:$1$1$1" "$scratch/state/applied-programs.yaml"; } # which release the programs are of

rm -rf "$scratch/state/rollouts"
back
check "a roll-back without an earlier release fails" output_has "there is no release to roll back to"
release 1
back
check "a roll-back after a single release fails" fails
release 2
back
check "a roll-back succeeds" succeeds
check "a roll-back uses the previous release's images" runs 1
check "a roll-back runs no migrations" sh -c "! grep -q jobs.yaml '$scratch/calls'"
back
check "a second roll-back returns to the newer release" runs 2
release 2
back
check "a roll-out of the same images is not a new release" runs 1
release 2
touch "$scratch/state/not-ready"
release 3
check "a release fails if its programs do not start" fails
check "a failed release may already have changed programs" runs 3
back
check "a failed roll-back can be repeated" fails
rm "$scratch/state/not-ready"
back
check "after a failed roll-out, a roll-back returns to the last one that finished" runs 2
back
check "the next roll-back returns to the release before" runs 1
release 2
echo Failed >"$scratch/state/job"
release 3
echo Complete >"$scratch/state/job"
back
check "after a failed migration, a roll-back returns to the last finished release" runs 2
run env OVERLAY="$overlay" IMAGES="$(tail -n 2 <<<"$images")" "$here/terraform/scripts/rollout.sh"
back
check "after a missing image, a roll-back returns to the last finished release" runs 2
release 3 --render
back
check "a rendering is not recorded as a release" runs 1

run env OVERLAY="$scratch/repo/nowhere" "$here/terraform/scripts/rollout.sh"
check "a missing overlay is named" output_has "has no kustomization.yaml"

# --- with-cluster.sh

with_cluster=(env CLUSTER_KUBECONFIG="the kubeconfig" "$here/terraform/scripts/with-cluster.sh")
# shellcheck disable=SC2016 # for the inner shell
run "${with_cluster[@]}" bash -c 'cat "$KUBECONFIG"; stat -c %a "$KUBECONFIG"'
check "with-cluster.sh passes the kubeconfig to the command" output_has "the kubeconfig"
check "only the owner can read the kubeconfig" output_has "600"
echo "error: You must be logged in to the server (Unauthorized)" >"$scratch/state/version"
run "${with_cluster[@]}" true
check "an expired token is reported, with the remedy" output_has "oci session authenticate"
echo "Unable to connect to the server: dial tcp 203.0.113.20:6443: i/o timeout" >"$scratch/state/version"
run "${with_cluster[@]}" true
check "an unreachable API is reported, with operator_cidrs" output_has "operator_cidrs"
rm "$scratch/state/version"

# --- door.sh

cat >"$scratch/bin/curl" <<'STUB'
#!/usr/bin/env bash
echo 198.51.100.9
STUB
chmod +x "$scratch/bin/curl"
door=(env API_SECURITY_GROUP=ocid1.nsg RUNNER_TEMP="$scratch" "$here/terraform/scripts/door.sh")
run "${door[@]}" open
check "door.sh open succeeds" succeeds
check "door.sh open allows one address and one port" calls_have 'rules add .*ocid1.nsg.*"source":"198.51.100.9/32".*"min":6443'
run "${door[@]}" close
check "door.sh close succeeds" succeeds
check "door.sh close removes the rule that it added" calls_have 'rules remove .*\["rule-1"\]'
run "${door[@]}" close
check "a second door.sh close does nothing" test ! -s "$scratch/calls"
rm "$scratch/bin/curl"

# --- prune-images.sh

jq --null-input '{data: {items: [
  (range(40) | {id: "old-\(.)", "repository-name": "taskflow/gateway", "display-name": "gateway:\(.)", "time-created": "2020-01-\(10 + . % 20)T00:00:0\(. % 10).\(.)Z"}),
  {id: "other", "repository-name": "elsewhere/gateway", "display-name": "other", "time-created": "2020-01-01T00:00:00Z"}
]}}' >"$scratch/state/images"
prune=(env COMPARTMENT=ocid1.compartment "$here/terraform/scripts/prune-images.sh")
run "${prune[@]}"
check "old images are deleted" succeeds
check "the newest 30 images stay" test "$(grep -c 'image delete' "$scratch/calls")" = 10
check "images in other repositories stay" sh -c "! grep -q 'image-id other' '$scratch/calls'"
jq '.data.items |= map(."time-created" = "2099-01-01T00:00:00Z")' "$scratch/state/images" >"$scratch/state/new-images" && mv "$scratch/state/new-images" "$scratch/state/images"
run "${prune[@]}"
check "new images stay, regardless of their number" sh -c "! grep -q 'image delete' '$scratch/calls'"
echo >"$scratch/state/images"
run "${prune[@]}"
check "a registry without images is no error" succeeds

# --- platform/

chart() { printf 'kind: StatefulSet\nspec:\n  replicas: %s\n      args:\n        - "dapr-scheduler-server-0=https://a.b:2380,dapr-scheduler-server-1=https://c.d:2380%s"\n' "$1" "$2"; }
one_scheduler() { chart "$@" | "$here/platform/one-scheduler.sh"; }
run one_scheduler 3 ",dapr-scheduler-server-2=https://e.f:2380"
check "one-scheduler.sh reduces three schedulers to one" output_has "  replicas: 1"
check "the scheduler's cluster contains only itself" output_has '"dapr-scheduler-server-0=https://a.b:2380"'
run one_scheduler 5 ""
check "one-scheduler.sh fails if the chart has changed" fails
check "one-scheduler.sh reports that the chart has changed" output_has "Dapr's chart has changed"

cat >"$scratch/bin/helm" <<'STUB'
#!/usr/bin/env bash
echo "helm $*" >>"$CALLS"
case $* in *knative-operator*) ;; *) echo "kind: CustomResourceDefinition" ;; esac
STUB
chmod +x "$scratch/bin/helm"
run "$here/platform/upgrade-crds.sh"
check "upgrade-crds.sh succeeds" succeeds
check "upgrade-crds.sh uses the versions of charts.json" calls_have "helm show crds dapr --version $(jq -r .dapr.version platform/charts.json) "
check "upgrade-crds.sh applies on the server" calls_have "apply --server-side --force-conflicts --filename .*/strimzi.yaml"
check "upgrade-crds.sh names a chart without definitions" output_has "knative-operator v1.23.0 has none"

# --- minikube-up.sh

cat >"$scratch/bin/helm" <<'STUB'
#!/usr/bin/env bash
[ "$1" != version ] || { echo "${HELM_VERSION:-v3.22.0}"; exit; }
echo "helm $*" >>"$CALLS"
STUB
for tool in minikube docker curl; do
  # shellcheck disable=SC2016 # for the stand-in
  printf '#!/bin/sh\necho "%s $*" >>"$CALLS"\n' "$tool" >"$scratch/bin/$tool"
done
chmod +x "$scratch/bin/"*
run "$here/knative/scripts/minikube-up.sh"
check "minikube-up.sh succeeds" succeeds
check "minikube-up.sh prints a URL" output_has "http://127.0.0.1:8080"
# shellcheck disable=SC2046 # a pattern for each release
check "minikube-up.sh installs the releases of charts.json in their order" order \
  $(jq -r 'to_entries[] | select(.key | IN("gateway-public", "backup") | not) | "--install.\(.key)."' platform/charts.json)
check "minikube-up.sh installs the versions of charts.json" calls_have "install dapr dapr .*--version $(jq -r .dapr.version platform/charts.json) --values platform/values/dapr.yaml --post-renderer platform/one-scheduler.sh"
check "minikube-up.sh installs from an OCI registry" calls_have "install strimzi oci://quay.io/strimzi-helm/strimzi-kafka-operator --namespace kafka .*--version"
check "minikube-up.sh installs from the folders of platform/" calls_have "install postgres platform/postgres --namespace postgres"
check "minikube-up.sh creates namespaces first" order "apply --filename platform/namespaces.yaml" "helm .*install knative-operator"
check "minikube-up.sh rolls out Taskflow last" order "wait kafka/taskflow" "apply .*programs.yaml"
run env HELM_VERSION=v4.1.0 "$here/knative/scripts/minikube-up.sh"
check "minikube-up.sh refuses helm 4, and names its version" output_has "helm is v4.1.0; 3 is needed"
rm "$scratch/bin/"{helm,minikube,docker,curl}

# --- session.sh

cat >"$scratch/server.py" <<'PY'
"""GitHub's and Oracle's token endpoints: hands out one token for the other, if all is as it should be."""
import base64, http.server, json, sys, urllib.parse
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status); self.send_header("content-length", str(len(data))); self.end_headers(); self.wfile.write(data)
    def do_GET(self):
        good = self.headers["Authorization"] == "bearer job" and "audience=ocid1.tenancy" in self.path
        self.answer(200 if good else 403, {"value": "github-token"})
    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["content-length"])).decode()))
        if self.headers["Authorization"] != "Basic " + base64.b64encode(b"client:secret").decode():
            return self.answer(401, {"error_description": "who are you?"})
        key = base64.b64decode(form["public_key"])
        good = (form["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange" and form["subject_token"] == "github-token" # checkov:skip=CKV_SECRET_6:the name of a grant
                and form["requested_token_type"] == "urn:oci:token-type:oci-upst" and form["subject_token_type"] == "jwt" and key[0] == 0x30)
        self.answer(200 if good else 400, {"token": "oracle-session"} if good else {"error": "invalid_request"})
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 "$scratch/server.py" >"$scratch/port" &
server=$!
for _ in {1..100}; do [ ! -s "$scratch/port" ] || break; sleep 0.1; done
endpoint=http://127.0.0.1:$(cat "$scratch/port")
session=(env OCI_DOMAIN_URL="$endpoint/" OCI_CLIENT_ID=client OCI_TENANCY=ocid1.tenancy OCI_REGION=eu-frankfurt-1 OCI_SESSION_DIR="$scratch/oci"
  ACTIONS_ID_TOKEN_REQUEST_URL="$endpoint/?x=1" ACTIONS_ID_TOKEN_REQUEST_TOKEN=job)
run "${session[@]}" OCI_CLIENT_SECRET=secret "$here/.github/actions/cloud/session.sh"
check "session.sh exchanges the token" succeeds
check "session.sh stores the session" grep -qx oracle-session "$scratch/oci/session.token"
check "the profile names the session's file" grep -qx "security_token_file=$scratch/oci/session.token" "$scratch/oci/config"
check "the profile has the key's fingerprint" grep -q "^fingerprint=$(openssl pkey -in "$scratch/oci/session.pem" -pubout -outform DER | openssl md5 -c | sed 's/.*= *//')$" "$scratch/oci/config"
check "only the owner can read the key" test "$(stat -c %a "$scratch/oci/session.pem")" = 600
check "the log masks the tokens" output_has "::add-mask::oracle-session"
check "no file contains the client's secret" sh -c "! grep -rq 'client:secret' '$scratch/oci'"
run "${session[@]}" OCI_CLIENT_SECRET=wrong "$here/.github/actions/cloud/session.sh"
check "session.sh fails if Oracle refuses" fails
check "session.sh prints Oracle's reason" output_has "who are you?"
run env -u OCI_CLIENT_SECRET "${session[@]:1}" "$here/.github/actions/cloud/session.sh"
check "session.sh names a missing variable" output_has "OCI_CLIENT_SECRET is not set"

# --- fetch.sh

releases=$scratch/releases
mkdir -p "$releases/v1.18.2" "$releases/4.1.2" "$scratch/kafka_2.13-4.1.2/libs"
for part in daprd scheduler; do
  printf '#!/bin/sh\n' >"$scratch/$part"
  chmod +x "$scratch/$part"
  tar --create --gzip --file "$releases/v1.18.2/${part}_linux_amd64.tar.gz" --directory "$scratch" "$part"
  (cd "$releases/v1.18.2" && sha256sum --binary "${part}_linux_amd64.tar.gz" >"${part}_linux_amd64.tar.gz.sha256")
done
kafka=$releases/4.1.2/kafka_2.13-4.1.2.tgz
tar --create --gzip --file "$kafka" --directory "$scratch" kafka_2.13-4.1.2
# As Apache writes it: capitals in groups of eight, four in a line.
printf '%s: %s\n' "${kafka##*/}" "$(sha512sum "$kafka" | cut -c 1-128 | tr a-f A-F | sed -E 's/(.{8})/\1 /g; s/(.{36}) /\1\n                      /g')" >"$kafka.sha512"
fetch=(env DAPR_RELEASES="file://$releases" KAFKA_RELEASES="file://$releases" "$here/.github/actions/stack/fetch.sh" "$scratch/stack")
run "${fetch[@]}"
check "fetch.sh succeeds" succeeds
check "fetch.sh prints the parts' paths" output_has "KAFKA_LIBS=$scratch/stack/kafka_2.13-4.1.2/libs"
# shellcheck disable=SC2016 # for the inner shell
check "the printed paths exist" sh -c '. "$1" && [ -x "$DAPRD" ] && [ -x "$DAPR_SCHEDULER" ] && [ -d "$KAFKA_LIBS" ]' sh "$scratch/out"
echo changed >>"$kafka"
run "${fetch[@]}"
check "fetch.sh refuses a changed file" fails
check "fetch.sh names the changed file" output_has "kafka_2.13-4.1.2.tgz is not what its publisher's checksum says"
echo "<html>not found</html>" >"$kafka.sha512"
run "${fetch[@]}"
check "fetch.sh refuses a file without a checksum" output_has "no checksum of 128 digits"

# --- all of them

check "shellcheck" shellcheck terraform/scripts/*.sh terraform/modules/*/*.sh platform/*.sh platform/*/*.sh knative/scripts/*.sh tests/tools/*.sh .github/actions/*/*.sh .ci/run

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
