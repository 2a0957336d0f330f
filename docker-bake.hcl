# One image for each program, for both platforms: `docker buildx bake` builds all, `docker buildx bake complete-task` one. They are named
# REGISTRY/NAME:TAG.

variable "REGISTRY" {
  default = "taskflow"
}

variable "TAG" {
  default = "dev"
}

variable "SOURCE" {
  default = ""
}

group "default" {
  targets = ["images"]
}

target "images" {
  name = program
  matrix = { program = [
    # Written by `just manifests` from shared/domain/src/routes.rs; edits are lost.
    "bulk-tasks",
    "calendar",
    "cancel-reminder",
    "chat",
    "complete-task",
    "create-task",
    "delete-task",
    "fire-reminder",
    "gateway",
    "get-task",
    "health",
    "housekeeping",
    "list-reminders",
    "list-tags",
    "list-tasks",
    "mail-reminder",
    "mcp",
    "migrate",
    "notify",
    "post-webhook",
    "preferences",
    "publish-events",
    "push-reminder",
    "record-audit",
    "reopen-task",
    "schedule-reminder",
    "search-tasks",
    "set-priority",
    "skip-task",
    "snooze-reminder",
    "spawn-recurrence",
    "tag-task",
    "trash",
    "undo",
    "update-task",
    "web",
    # End of what `just manifests` writes.
  ] }
  args      = { PROGRAM = program }
  tags      = ["${REGISTRY}/${program}:${TAG}"]
  platforms = ["linux/amd64", "linux/arm64"]
  attest    = ["type=sbom", "type=provenance,mode=max"]
  labels = {
    "org.opencontainers.image.title"       = program
    "org.opencontainers.image.description" = "Taskflow: ${program}"
    "org.opencontainers.image.licenses"    = "Apache-2.0"
    "org.opencontainers.image.revision"    = TAG
    "org.opencontainers.image.source"      = SOURCE
  }
}
