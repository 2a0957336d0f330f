# Every command that people and CI use. `just` lists them.

set shell := ["bash", "-euo", "pipefail", "-c"]

[private]
default:
    @just --list

# Start Taskflow in one process; prints its address.
run:
    cargo run

# The tests that need nothing but Rust.
test:
    cargo test --workspace

# Format all Rust code.
format:
    cargo fmt --all

# Fail if anything is not formatted.
format-check:
    cargo fmt --all --check

# Lint, with warnings as errors.
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Build the documentation, with warnings as errors.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Licences, banned crates, sources. Needs cargo-deny.
deny:
    cargo deny --log-level error check bans licenses sources

# Write the OpenAPI and AsyncAPI documents of tests/contract anew, from the types.
contract:
    cargo run --quiet --package contract --example contract -- openapi > tests/contract/openapi.yaml
    cargo run --quiet --package contract --example contract -- asyncapi > tests/contract/events.yaml

# Write the table of recurrence cases anew, with python-dateutil as the judge. Needs Python with python-dateutil.
rrule-cases:
    python3 tests/tools/rrule_cases.py

# Fuzz the API from its OpenAPI document against a Taskflow of its own. Needs schemathesis (pip install schemathesis).
fuzz:
    tests/tools/fuzz.sh

# Everything that CI checks, but for the fuzzing.
check: format-check lint doc test deny

# Benchmarks. Each builds the release binaries and prints its figures with the setting, as Markdown; see tests/bench.

# Search at 10,000 and 1,000,000 tasks, or at `rows`, and the plans.
bench-search *rows: (bench "search" rows)

# Get, list and search against the floor.
bench-reads: (bench "reads")

# Create and complete against the floor.
bench-writes: (bench "writes")

# Completion to next occurrence.
bench-recurrence: (bench "recurrence")

# How late reminders are.
bench-reminder: (bench "reminder")

# 1,000 connections, or so many: a call a second each, then at full speed.
bench-users *connections: (bench "users" connections)

# One function: start to first answer, idle memory, stripped size.
bench-function name="complete-task": (bench-build name)
    target/release/bench function {{ name }}

[private]
bench-build name:
    cargo build --release --package bench --package {{ name }}

[private]
bench *arguments: (bench-build "taskflow")
    ulimit -n 8192 2>/dev/null || true; target/release/bench {{ arguments }}
