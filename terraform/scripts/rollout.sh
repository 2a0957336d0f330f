#!/usr/bin/env bash
# Rolls out a kustomize overlay with the images of one release, in the order that an upgrade needs: settings, then migrations, then programs.
# Terraform and the pipeline call it; you can call it too: rollout.sh [--render | --back]
#   --render  prints the manifests, applies nothing
#   --back    rolls back: to the images of the last finished rollout or, if that was the last one, of the one before it. Runs no migrations: the
#             schema does not go back, and the previous release may refuse migrations that it does not know
# Environment: OVERLAY, the overlay's folder; IMAGES, a line NAME=REFERENCE@DIGEST for each image (or NAME=REFERENCE:TAG without a
# registry, as in Minikube); NAMESPACE (taskflow); SECRETS_ROTATION (1), where another number restarts every program. Uses kubectl's current context.
set -euo pipefail

readonly wait_for_programs=10m
readonly migration_polls=150 migration_pause=2 # seconds

namespace=${NAMESPACE:-taskflow}
: "${OVERLAY:?the overlay\'s folder}"
overlay=${OVERLAY%/}

say() { echo "rollout: $*" >&2; }
fail() { say "$*"; exit 1; }
cluster() { kubectl --namespace "$namespace" "$@"; }

# Returns the images of a recorded roll-out: of the one that has not finished (unfinished), of the last one that finished (current), or of the one
# before it (previous). If there is an unfinished one, programs may already use its images.
images() { # key
  cluster get configmap rollouts --ignore-not-found --output "jsonpath={.data.$1}"
}

note() { # UNFINISHED CURRENT PREVIOUS
  cluster create configmap rollouts --from-literal "unfinished=$1" --from-literal "current=$2" --from-literal "previous=$3" --dry-run=client --output yaml |
    cluster apply --filename -
}

# Replaces the overlay's images with this release's references. Images that are not Taskflow's stay.
image_entries() { # rendered overlay
  local reference name prefix image
  sed -nE 's/^ *(- )?image: *"?([^" ]+)"?$/\2/p' "$1" | sort -u | while read -r reference; do
    reference=${reference%@*}
    name=${reference##*/}
    prefix=${reference%"$name"}
    name=${name%%:*}
    image=${image_of[$name]:-}
    if [[ $image == *@* ]]; then
      printf -- '- name: %s\n  newName: %s\n  digest: %s\n' "$prefix$name" "${image%@*}" "${image#*@}"
    elif [ -n "$image" ]; then
      [[ ${image##*/} == *:* ]] || fail "the image of $name has neither digest nor tag: $image"
      printf -- '- name: %s\n  newName: %s\n  newTag: "%s"\n' "$prefix$name" "${image%:*}" "${image##*:}"
    elif [ -d "$overlay/../../../functions/$name" ]; then
      fail "IMAGES has no image for $name"
    fi
  done
}

render() {
  local scratch=$1 name
  kubectl kustomize "$overlay" >"$scratch/overlay.yaml" || fail "$overlay does not render"
  {
    echo "apiVersion: kustomize.config.k8s.io/v1beta1"
    echo "kind: Kustomization"
    echo "resources: [../${overlay##*/}]"
    echo "images:"
    image_entries "$scratch/overlay.yaml"
    echo "patches:"
    for name in "group: serving.knative.dev, version: v1, kind: Service" "group: apps, version: v1, kind: Deployment"; do
      printf -- '- target: {%s}\n' "$name"
      printf '  patch: |\n    apiVersion: any/v1\n    kind: Any\n    metadata: {name: any}\n'
      printf '    spec: {template: {metadata: {annotations: {taskflow/secrets-rotation: "%s"}}}}\n' "${SECRETS_ROTATION:-1}"
    done
  } >"$scratch/kustomization.yaml"
  kubectl kustomize "$scratch" >"$scratch/all.yaml" || fail "the images do not fit $overlay"
}

# Splits a rendering into settings.yaml, jobs.yaml and programs.yaml.
split() {
  awk -v folder="$1" '
    function flush() { if (text != "") print "---\n" text > (folder "/" part ".yaml"); text = ""; part = "settings"; group = "" }
    BEGIN { part = "settings" }
    /^---$/ { flush(); next }
    /^apiVersion: serving\.knative\.dev\// { group = "knative" }
    /^kind: Job$/ { part = "jobs" }
    /^kind: (Deployment|StatefulSet)$/ { part = "programs" }
    /^kind: Service$/ && group == "knative" { part = "programs" }
    { text = text $0 "\n" }
    END { flush() }
  ' "$1/all.yaml"
}

migrate() {
  local job condition poll
  cluster delete --ignore-not-found --filename "$1" # a Job cannot be changed
  cluster apply --filename "$1"
  for job in $(cluster get --filename "$1" --output name); do
    for ((poll = 0; poll < migration_polls; poll++)); do
      condition=$(cluster get "$job" --output 'jsonpath={.status.conditions[?(@.status=="True")].type}')
      case " $condition " in
        *" Complete "*) break ;;
        *" Failed "*) poll=$migration_polls ;;
        *) sleep "$migration_pause" ;;
      esac
    done
    case " $condition " in
      *" Complete "*) ;;
      *)
        cluster logs "$job" --tail 50 >&2 || true
        fail "$job did not complete; the programs were not changed. Its log is above"
        ;;
    esac
  done
}

await() {
  local deployment function
  # Except revisions' Deployments, which Knative creates: a revision that never started does no harm.
  for deployment in $(cluster get deployments --selector '!serving.knative.dev/revision' --output name); do
    cluster rollout status "$deployment" --timeout "$wait_for_programs" || return 1
  done
  cluster wait ksvc --all --for condition=Ready --timeout "$wait_for_programs" || return 1
  # Functions that this release no longer has.
  for function in $(cluster get ksvc --output 'jsonpath={.items[*].metadata.name}'); do
    grep -qE "^  name: $function\$" "$1/programs.yaml" || cluster delete ksvc "$function"
  done
}

[ "${BASH_VERSINFO[0]}" -ge 4 ] || fail "this is bash $BASH_VERSION; 4 or newer is needed (on macOS: brew install bash)"
command -v kubectl >/dev/null || fail "kubectl is missing"
[ -f "$overlay/kustomization.yaml" ] || fail "$overlay has no kustomization.yaml: is this a checkout of the whole repository?"

unfinished='' current='' previous=''
if [ "${1:-}" != --render ]; then
  unfinished=$(images unfinished)
  current=$(images current)
  previous=$(images previous)
fi
if [ "${1:-}" = --back ]; then
  # After a failed roll-out, the previous release is the last one that finished.
  if [ -n "$unfinished" ]; then IMAGES=$current; else IMAGES=$previous; fi
  [ -n "$IMAGES" ] || fail "there is no release to roll back to: no earlier rollout has finished"
fi

IMAGES=$(printf '%s' "${IMAGES:-}") # without a line break at the end, as the cluster returns it
# Recorded before anything can fail, so that a roll-back does not mistake this release for the previous one.
[ "${1:-}" = --render ] || note "$IMAGES" "$current" "$previous"

declare -A image_of=()
while IFS='=' read -r name reference; do
  [ -z "$name" ] || image_of[$name]=$reference
done <<<"$IMAGES"

# Next to the overlay, because kustomize only accepts relative paths.
scratch=$(mktemp -d "$(dirname "$overlay")/.rollout.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
render "$scratch"
if [ "${1:-}" = --render ]; then
  cat "$scratch/all.yaml"
  exit
fi

split "$scratch"
[ ! -f "$scratch/settings.yaml" ] || cluster apply --filename "$scratch/settings.yaml"
[ "${1:-}" = --back ] || [ ! -f "$scratch/jobs.yaml" ] || migrate "$scratch/jobs.yaml"
[ -f "$scratch/programs.yaml" ] || fail "$overlay has no program"
cluster apply --filename "$scratch/programs.yaml"
if ! await "$scratch"; then
  cluster get ksvc,deployments,pods >&2 || true
  fail "not every program became ready; see above. To roll back: rollout.sh --back"
fi

# A roll-out of the same images is not recorded as a new one, so the target of a roll-back stays the same.
if [ "$current" = "$IMAGES" ]; then note "" "$current" "$previous"; else note "" "$IMAGES" "$current"; fi
say "done"
