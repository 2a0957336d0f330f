# The commands that people and CI use. `just` lists them; CONTRIBUTING.md lists them by purpose.

set shell := ["bash", "-euo", "pipefail", "-c"]

[private]
default:
    @just --list

# Start Taskflow in one process. Prints its address.
run:
    cargo run

# Needs Java, and DAPRD, DAPR_SCHEDULER and KAFKA_LIBS: the paths of the programs, and of the folder with Kafka's jars.
# Start Taskflow like in the cluster: Kafka, the Dapr scheduler, daprd, the gateway, and one process per function.
run-dapr: stack-build
    target/debug/run-dapr

# Start the gateway and the functions next to a running sidecar. `dapr run -f .` calls this.
[private]
run-beside-dapr: stack-build
    target/debug/run-dapr

[private]
stack-build:
    cargo build --workspace --bins --features tests/stack

# Run the tests that need only Rust.
test:
    cargo test --workspace

# Test the user story on real Dapr and Kafka, over bindings and over pub/sub. Needs what run-dapr needs.
e2e: stack-build
    cargo test --package tests --features stack --test e2e -- --test-threads=1

# Test HTTPS with certificates from a real ACME authority. Needs PEBBLE and PEBBLE_CHALLTESTSRV.
https: stack-build
    cargo test --package tests --features stack --test https -- --test-threads=1 --nocapture

# Cause every fault under load, or the named ones, and count lost and duplicated events. Needs what run-dapr needs.
faults *names: stack-build
    FAULTS={{ quote(replace(names, " ", ",")) }} cargo test --package tests --features stack --test faults -- --nocapture

# Builds the previous release once, from the repository's history.
# Test the upgrade from the previous release: both releases at once, as real processes, on one database.
upgrade-check:
    cargo build --workspace --bin taskflow --features tests/stack
    OLD_TASKFLOW="$(tests/tools/old_taskflow.sh)" cargo test --workspace --features tests/stack --test upgrade

# Update the data of the upgrade tests in `cargo test`: the previous release's database and responses.
upgrade-dump:
    cargo build --workspace --bin taskflow --features tests/stack
    OLD_TASKFLOW="$(tests/tools/old_taskflow.sh)" cargo test --workspace --features tests/stack --test upgrade -- --ignored dump

# Needs CLUSTER_EXEC, CLUSTER_IMAGE, KAFKA_LIBS, and for https PEBBLE and PEBBLE_CHALLTESTSRV.
# Test Taskflow on a running cluster, all parts or a comma-separated list: story, https, strangers, cold, reminders, recurrences, page, trouble.
cluster-e2e parts="":
    cargo build --release --workspace --bins --features tests/stack
    CLUSTER_PARTS={{ quote(parts) }} tests/tools/cluster.sh

# Run Taskflow on Minikube: everything from `minikube start` to a URL. Needs minikube, kubectl, helm, docker with buildx.
minikube-up:
    knative/scripts/minikube-up.sh

# Zip functions for AWS Lambda on arm64 into target/lambda: all that Lambda can run, or the named ones. Needs cargo-lambda.
lambda *names:
    names={{ quote(names) }}; names=${names:-$(cargo run --quiet --package manifests --bin manifests -- lambda)}; for name in $names; do \
      cargo lambda build --profile image --arm64 --output-format zip --package "$name" --bin "$name" --features sidecar/lambda; \
    done

# Diagnose Taskflow in the cluster of kubectl's context: report each problem and its remedy.
doctor:
    knative/scripts/doctor.sh

# Format all Rust code.
format:
    cargo fmt --all

# Fail if anything is not formatted.
format-check:
    cargo fmt --all --check

# Lint, with warnings as errors.
lint:
    cargo clippy --workspace --all-targets --features tests/stack -- -D warnings

# Build the documentation, with warnings as errors.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Check licences, banned crates, sources, and known vulnerabilities if their database is available. Needs cargo-deny.
deny:
    cargo deny --log-level error check bans licenses sources
    @if ls -d "${CARGO_HOME:-$HOME/.cargo}"/advisory-dbs/*/ >/dev/null 2>&1; then cargo deny --log-level error check --disable-fetch advisories; \
      elif cargo deny --log-level error fetch db >/dev/null 2>&1; then cargo deny --log-level error check --disable-fetch advisories; \
      else echo "deny: advisories are not checked: there is no database of them, and none can be fetched" >&2; fi

# Update the OpenAPI and AsyncAPI documents in tests/contract from the types.
contract:
    cargo run --quiet --package contract --example contract -- openapi > tests/contract/openapi.yaml
    cargo run --quiet --package contract --example contract -- asyncapi > tests/contract/events.yaml

# Update the manifests and lists that are generated from the table of functions: Knative, Dapr, images, Lambda, the one process.
manifests:
    cargo run --quiet --package manifests --bin manifests

# Create a function that compiles and passes the tests: `just new-function snooze-task "Hides a task for a while" command consumer job`.
new-function name description *parts:
    cargo run --quiet --package manifests --bin new-function -- {{ quote(name) }} {{ quote(description) }} {{ parts }}
    cargo fmt --all
    just contract manifests

# Count the files to edit by hand for a new function and a new field, on a copy of the repository. Fails above the limit.
edit-counts:
    tests/tools/edit_counts.sh

# Update the table of recurrence cases, with python-dateutil as the reference. Needs Python with python-dateutil.
rrule-cases:
    python3 tests/tools/rrule_cases.py

# Fuzz the API from its OpenAPI document against a new Taskflow. Needs schemathesis (pip install schemathesis).
fuzz:
    tests/tools/fuzz.sh

# Uses openapi-typescript, openapi-python-client and oapi-codegen. Needs Node with npm, Python, Go.
# Generate clients from the OpenAPI document, all or the named ones, and use each in a program against a new Taskflow.
generated-clients *names:
    tests/tools/generated_clients.sh {{ names }}

# Run MCP's official conformance suite against a new Taskflow. Needs Node with npm; the suite's own Node 22 comes with it.
mcp-conformance:
    @command -v npm >/dev/null || { echo "Node is missing: install Node, with npm" >&2; exit 1; }
    @cd tests/mcp && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error; }
    tests/tools/mcp_conformance.sh

# Needs Python with aiosmtpd, http-ece, py-vapid and standardwebhooks, and openssl.
# Test a reminder with independent implementations: a real mail server, and libraries that decrypt pushes and verify webhooks.
reach:
    cargo build --workspace --bin taskflow
    TASKFLOW=target/debug/taskflow python3 tests/tools/reach.py

# Needs the Python packages of tests/tools/caldav.txt.
# Test CalDAV with third-party clients: the package caldav with its server tester, vdirsyncer in both directions, todoman.
caldav:
    cargo build --workspace --bin taskflow
    TASKFLOW=target/debug/taskflow tests/tools/caldav.sh

# Read and write a million mutated iCalendar texts. Fails on a panic, and on a text that takes longer than 50 ms.
fuzz-icalendar inputs="1000000":
    ICALENDAR_FUZZ={{ inputs }} ICALENDAR_FUZZ_MS=50 cargo test --release --package icalendar --test tasks mutated -- --nocapture

# Check the types of the page and of its tests. Needs Node.
page-check: page-tools
    node tests/browser/types.js
    tests/browser/node_modules/.bin/tsc --noEmit --project functions/web
    tests/browser/node_modules/.bin/tsc --noEmit --project tests/browser

# Run the browser stories in a real Chromium, all or those of some files (`just browser list live`). Needs Node, Chromium and dbus-daemon.
browser *files: page-tools browser-tools
    cargo build --workspace --bin taskflow
    names=({{ files }}); TASKFLOW=target/debug/taskflow node --test --test-concurrency=1 --test-reporter=spec \
      $([ ${#names[@]} -gt 0 ] && printf 'tests/browser/%s.test.js ' "${names[@]}" || echo tests/browser/*.test.js)

# Test a push reminder in a real Firefox, from the subscription to the button of its notification. Needs Node, Firefox with libnotify, and dbus-daemon.
firefox: page-tools
    cargo build --workspace --bin taskflow
    TASKFLOW=target/debug/taskflow node --test --test-reporter=spec tests/browser/firefox.js

# Update the pictures in docs/screenshots. Needs Node and Chromium.
screenshots: page-tools browser-tools
    cargo build --workspace --bin taskflow
    TASKFLOW=target/debug/taskflow node tests/browser/screenshots.js

# Update the page's PNG icons. Needs Node and Chromium.
icons: page-tools browser-tools
    node tests/browser/icons.js

[private]
page-tools:
    @command -v npm >/dev/null || { echo "Node is missing: install Node 20 or newer, with npm" >&2; exit 1; }
    @node -e 'if (Number(process.versions.node.split(".")[0]) < 20) { console.error("Node is too old: " + process.version + ", 20 or newer is needed"); process.exit(1); }'
    @cd tests/browser && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error; }

[private]
browser-tools:
    @node --input-type=module --eval 'import { chromium } from "./tests/browser/parts.js"; try { chromium(); } catch ({ message }) { console.error(message); process.exit(1); }'

# Run all checks that CI runs on the Rust code, except fuzzing.
check: format-check lint doc test deny

# Check Terraform: format, validity, tests against mock providers, tflint, checkov, secrets. Needs terraform, tflint, checkov, jq.
terraform-check:
    tests/tools/terraform_check.sh

# Update the checksums of Terraform's providers, for every platform that people and the pipeline use. Needs the providers' registry.
terraform-lock:
    for root in terraform terraform/pipeline terraform/examples/lambda; do \
      terraform -chdir="$root" providers lock -platform=linux_amd64 -platform=linux_arm64 -platform=darwin_amd64 -platform=darwin_arm64; \
    done

# Helm installs them once and never upgrades them: run this before `terraform apply` raises a chart's version. Needs helm, kubectl, jq.
# Update the custom resource definitions of the platform's charts in the cluster of kubectl's context.
upgrade-crds:
    platform/upgrade-crds.sh

# Accept the current findings of the secrets scan as known and harmless. Read the list first. Needs checkov.
secrets-known:
    checkov --directory . --framework secrets --enable-secret-scan-all-files --skip-path target --skip-path .git --compact --skip-download --create-baseline || true

# Roll out the images of a digests file to the cluster of kubectl's context, with this overlay.
deploy digests registry overlay="knative/overlays/oke":
    OVERLAY={{ quote(overlay) }} IMAGES="$(jq --raw-output --arg registry {{ quote(registry) }} '.image_digests | to_entries[] | "\(.key)=\($registry)/\(.key)@\(.value)"' {{ quote(digests) }})" \
      terraform/scripts/rollout.sh

# Roll back to the images of the previous release; if the last roll-out failed, to those of the last one that succeeded.
roll-back overlay="knative/overlays/oke":
    OVERLAY={{ quote(overlay) }} terraform/scripts/rollout.sh --back

# Test the user-visible behaviour of a deployed Taskflow. Its token: TASKFLOW_API_TOKEN.
smoke url:
    tests/tools/smoke.sh {{ quote(url) }}

# Run the smoke test against a new Taskflow.
smoke-check:
    tests/tools/smoke_check.sh

# Back up the database of DATABASE_URL to a new file. Needs PostgreSQL's client programs, of the server's version or newer.
backup file:
    tests/tools/backup.sh dump {{ quote(file) }}

# Replace the whole database of DATABASE_URL with a backup. The previous content is saved to FILE.before.
restore file:
    tests/tools/backup.sh restore {{ quote(file) }}

# Back up and restore a real Taskflow on a real PostgreSQL. Needs PostgreSQL's programs.
backup-check:
    tests/tools/backup_check.sh

# From: Taskflow's URL (one process), strimzi (kubectl's context), redpanda (rpk), HOST:PORT (KAFKA_LIBS).
# Print the dead letters, one JSON line each.
dead-letters where="http://127.0.0.1:8080":
    tests/tools/dead_letters.sh read {{ quote(where) }}

# Replay the dead letters of a file, as printed by `just dead-letters`, to their consumers. Its token: TASKFLOW_API_TOKEN.
replay url file:
    tests/tools/dead_letters.sh replay {{ quote(url) }} {{ quote(file) }}

# Check the pipeline's own files. Needs actionlint.
workflows-check:
    @command -v actionlint >/dev/null || { echo "workflows-check: actionlint is missing" >&2; exit 1; }
    actionlint

# Check the images' Dockerfile. Needs hadolint.
images-check:
    hadolint Dockerfile

# Write the newest digest of each base image into the Dockerfile. Needs docker with buildx, and the registries.
pin-images:
    tests/tools/pin_images.sh

# Test the shell scripts of deployment and operations with stand-ins for the clouds' commands.
scripts-check:
    tests/tools/scripts_check.sh

# Put load on a new Taskflow in one process: all of tests/load, or some (`just load mix socket`). Needs k6.
load *names:
    cargo build --profile {{ env("LOAD_PROFILE", "release") }} --package taskflow
    tests/tools/load.sh process {{ names }}

# Put the same load on real Dapr and Kafka, with one process per function. Needs k6 and what run-dapr needs.
load-dapr *names:
    cargo build --profile {{ env("LOAD_PROFILE", "release") }} --workspace --bins --features tests/stack
    tests/tools/load.sh dapr {{ names }}

# Run a short load test, on one process or on dapr. Fails on any error; shows times without checking them, because CI's machines are shared.
load-short on="process":
    LOAD_PROFILE=dev LOAD_USERS=50 LOAD_SECONDS=10 LOAD_JUDGE=errors just {{ if on == "dapr" { "load-dapr" } else { "load" } }}

# Benchmarks. Each builds the release binaries and prints Markdown tables with the environment; see tests/bench.

# Search at 10,000 and 1,000,000 tasks, or at `rows`, with the plans.
bench-search *rows: (bench "search" rows)

# The list of tags at 100,000 tasks with 20 tags each, or at `rows`.
bench-tags *rows: (bench "tags" rows)

# Get, list and search, compared with the reference.
bench-reads: (bench "reads")

# Create and complete, compared with the reference.
bench-writes: (bench "writes")

# Time from completion to next occurrence.
bench-recurrence: (bench "recurrence")

# Lateness of reminders.
bench-reminder: (bench "reminder")

# A chat turn without the model.
bench-chat: (bench "chat")

# 1,000 connections, or the given number: one call per second each, then full speed.
bench-users *connections: (bench "users" connections)

# The highest rate that callers and consumers of the one process sustain; `just bench-dapr capacity` for the whole deployment.
bench-capacity: (bench "capacity")

# The cost of a call in each program; `just bench-dapr cpu` for the whole deployment.
bench-cpu: (bench "cpu")

# The cost of waking the consumers of a call ahead, on a simulated day.
bench-awake: (bench "awake")

# The time and peak memory of an import of 50,000 tasks, or of the given number.
bench-import *tasks: (bench "import" tasks)

# One function: start to first answer, idle memory, stripped size.
bench-function name="complete-task": (bench-build name)
    target/release/bench function {{ name }}

[private]
bench-build name:
    cargo build --release --package bench --package {{ name }}

[private]
bench *arguments: (bench-build "taskflow")
    ulimit -n 8192 2>/dev/null || true; target/release/bench {{ arguments }}

# The page in a real Chromium: size, first visit, time from keys to results. Needs Node and Chromium.
bench-page: page-tools browser-tools
    cargo build --release --package taskflow
    node tests/browser/figures.js

# Recurrence, reminders and users on real Dapr and Kafka, with one process per function. Needs what run-dapr needs.
bench-dapr *benchmarks:
    cargo build --release --workspace --bins --features tests/stack
    ulimit -n 8192 2>/dev/null || true; tests/tools/bench-dapr.sh {{ benchmarks }}
