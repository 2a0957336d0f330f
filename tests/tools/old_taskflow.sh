#!/usr/bin/env bash
# Builds the release from which an upgrade starts, from the repository's history, and prints the path of its program. The program is kept in
# UPGRADE_CACHE (~/.cache/taskflow-upgrade), so only the first run builds it. OLD_TASKFLOW is the path of an existing one. Needs git and Rust.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly release=363fbb455e6f5e12b2409c3695f80da8aa671c9d

if [ -n "${OLD_TASKFLOW:-}" ]; then echo "$OLD_TASKFLOW"; exit; fi
cache=${UPGRADE_CACHE:-$HOME/.cache/taskflow-upgrade}
program=$cache/$release/taskflow
if [ ! -x "$program" ]; then
  git cat-file -e "$release^{commit}" 2>/dev/null || {
    echo "upgrade: this clone is shallow and has no commit $release, from which the upgrade starts; run git fetch --unshallow" >&2
    exit 1
  }
  mkdir -p "$cache/$release"
  source=$(mktemp -d)
  trap 'rm -rf "$source" "$cache/target"' EXIT
  git archive "$release" | tar --extract --directory "$source"
  (cd "$source" && CARGO_INCREMENTAL=0 CARGO_TARGET_DIR=$cache/target cargo build --locked --package taskflow) >&2
  cp "$cache/target/debug/taskflow" "$program.new" && mv "$program.new" "$program"
fi
echo "$program"
