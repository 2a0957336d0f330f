#!/usr/bin/env bash
# Adds one function and one field of a task, as CONTRIBUTING.md describes, to a copy of the repository, checks that they compile and pass the tests,
# and counts the files that were edited by hand. Fails if a count is above its limit. Generated files are not counted.
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly function_max=6 field_max=7

root=$PWD
# Always the same path, so that a second run recompiles nothing.
copy=$root/target/edit-counts
export CARGO_TARGET_DIR=$root/target CARGO_INCREMENTAL=0
trap forget_copy EXIT

# Removes the copy. Cargo compares times, so it would reuse the build of an edited file for the repository's file, unless that file is newer.
forget_copy() {
  local first file
  if first=$(in_copy rev-list --max-parents=0 HEAD 2>/dev/null); then
    in_copy diff --name-only "$first" | while read -r file; do
      [ ! -e "$root/$file" ] || touch --no-create "$root/$file"
    done
  fi
  rm -rf "$copy"
}

# Creates the copy, without ignored files, with a commit of its own to compare with.
copy_repository() {
  rm -rf "$copy" && mkdir -p "$copy"
  git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --ignore-failed-read --create | tar --extract --directory "$copy"
  in_copy init --quiet
  commit
}

# Sets the copy's own .git, so that Git never uses the surrounding repository.
in_copy() {
  git --git-dir="$copy/.git" --work-tree="$copy" "$@"
}

commit() {
  in_copy add --all
  in_copy -c user.name=edit-counts -c user.email=edit-counts@localhost commit --quiet --allow-empty --message "edit counts"
}

# Edits a file of the copy with a sed program. Fails if that changes nothing.
edit() {
  local before
  before=$(cksum <"$copy/$1")
  sed --in-place --regexp-extended "$2" "$copy/$1"
  [ "$before" != "$(cksum <"$copy/$1")" ] || { echo "edit-counts: $1 has nothing to edit for: $2" >&2; exit 1; }
}

# Commits the edits, reports the number of files, and fails above the limit.
count() {
  local what=$1 limit=$2 files
  files=$(in_copy status --porcelain --untracked-files=all | cut -c 4-)
  commit
  echo "$what: $(wc -l <<<"$files") files by hand, of at most $limit:"
  awk '{ print "  " $0 }' <<<"$files"
  [ "$(wc -l <<<"$files")" -le "$limit" ] || { echo "edit-counts: $what needs edits in more than $limit files; derive a fact instead of repeating it" >&2; exit 1; }
}

# Runs the generating recipes, and checks all crates and the tests that know every function.
recipes_and_checks() {
  (
    cd "$copy" &&
      just contract manifests >/dev/null &&
      cargo fmt --all --check &&
      cargo check --quiet --workspace --all-targets &&
      cargo test --quiet --package domain --package contract --package tools --package manifests --lib --bins &&
      cargo test --quiet --package contract --test documents
  ) || { echo "edit-counts: the edits do not compile or do not pass" >&2; exit 1; }
}

# A function with a command with its own data and answer, a consumer of another event, and a job with another period.
add_function() {
  (cd "$copy" && just new-function close-task "Completes a task with a closing note" command consumer job >/dev/null)
  commit
  cat >>"$copy/shared/domain/src/command.rs" <<'RUST'

/// Completes a task with a closing note.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseTask {
    /// The task.
    pub task_id: i64,
    /// Replaces its description.
    pub note: String,
}
RUST
  edit shared/domain/src/event.rs 's/ \| Self::TaskClose//; s/^( *)Self::TaskComplete => /\1Self::TaskComplete | Self::TaskClose => /'
  edit shared/domain/src/routes.rs '/^    CLOSE_TASK = /,/;$/ { s/EventType::TaskUpdated/EventType::TaskDeleted/; s/Job::Every\(DAY\)/Job::Every(Duration::from_hours(1))/ }'
  edit shared/contract/src/operations.rs '/"closeTask"/ s/TaskCommand/domain::command::CloseTask/'
  edit shared/tools/src/registry.rs '/operation: "closeTask"/,/\}/ s/TaskCommand/domain::command::CloseTask/'
  edit functions/close-task/src/lib.rs 's/TaskCommand/CloseTask/
    s/use domain::event::\{CommandType, TaskEvent\};/use domain::event::{CommandType, EventType, TaskEvent};\nuse domain::task::Status;/
    s/^    Ok\(change\.unit\.task\(command\.task_id\)\.await\?\)/    let task = change.unit.task(command.task_id).await?;\n    let closed = Task { status: Status::Completed, completed_at: Some(change.now()), description: command.note, ..task.clone() };\n    Ok(change.unit.save_task(\&task, closed, EventType::TaskCompleted).await?)/'
  (cd "$copy" && cargo fmt --all)
  count "a function" "$function_max"
}

# A field that callers set, that is stored, shown and edited on the page, and described to an assistant.
add_field() {
  local migration
  migration=$(printf '%04d_location.sql' $(($(find "$copy/shared/store/migrations" -name '*.sql' | wc -l) + 1)))
  printf '%s\n' "ALTER TABLE tasks ADD COLUMN location text CHECK (char_length(location) <= 200);" "ALTER TABLE trashed_tasks ADD COLUMN location text;" \
    >"$copy/shared/store/migrations/$migration"
  edit shared/store/src/tasks.rs 's/reminder_offset, version, created_at/reminder_offset, location, version, created_at/'
  edit shared/domain/src/task.rs '/^pub struct Task/,/^\}/ s|^    pub version: i64,|&\n    /// Where it is done.\n    pub location: Option<String>,|'
  edit shared/domain/src/command.rs '/^pub struct CreateTask/,/^\}/ s|^    pub reminder_offset: .*|&\n    /// Where it is done.\n    #[serde(default)]\n    pub location: Option<String>,|
    /^pub struct UpdateTask/,/^\}/ s|^    pub reminder_offset: .*|&\n    /// Where it is done; null clears it.\n    #[serde(default, skip_serializing_if = "Field::is_keep")]\n    pub location: Field<Option<String>>,|
    s|^( *)reminder_offset: Field::Set.*|&\n\1location: Field::Set(create.location),|
    s|^( *)self\.reminder_offset\.write_to.*|&\n\1self.location.write_to(\&mut changed.location);|'
  edit shared/tools/src/call.rs 's|^( *)\("parent_task_id", .*|&\n\1("location", json!(task.location)),|'
  edit tests/api/tasks.rs 's/"reminder_offset": null, "version": 1/"reminder_offset": null, "location": null, "version": 1/
    s/"reminder_offset": "1 Hours",/"reminder_offset": "1 Hours", "location": "Attic",/
    s/^( *)\("reminder_offset", json!\("1 hour"\)\),/&\n\1("location", json!("Attic")),/'
  edit functions/web/assets/task-detail.js "s/'priority' \| 'tags'\} FieldName/'priority' | 'tags' | 'location'} FieldName/
    s/^  #tags = new TagEditor\(\);/&\n  #location = h('input', { type: 'text', maxLength: 200 });/
    s/^( *)this\.#tags,$/&\n\1field('Place', this.#location),/
    s/^( *)\['tags', this\.#tags, .*/&\n\1['location', this.#location, () => ({ location: this.#location.value.trim() || null })],/
    s/^( *)this\.#words\(task\);/\1this.#fill('location', () => {\n\1  this.#location.value = task.location ?? '';\n\1});\n&/"
  count "a field" "$field_max"
}

# Only one run at a time may use the copy.
mkdir -p "$CARGO_TARGET_DIR"
exec 9>"$CARGO_TARGET_DIR/edit-counts.lock"
flock 9
copy_repository
add_function
add_field
recipes_and_checks
