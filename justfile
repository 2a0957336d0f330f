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
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

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
