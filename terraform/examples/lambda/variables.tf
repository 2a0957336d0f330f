variable "region" {
  description = "AWS region, near the database."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "region: a name such as eu-central-1 is wanted."
  }
}

variable "name" {
  description = "Prefix of all names."
  type        = string
  default     = "taskflow"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "name: 2 to 31 lower-case letters, digits and hyphens are wanted, a letter first."
  }
}

variable "tags" {
  description = "Tags besides project, environment and managed-by."
  type        = map(string)
  default     = {}
}

variable "functions" {
  description = "The functions, by their names in functions/."
  type        = set(string)
  default = [
    # Written by `just manifests` from shared/domain/src/routes.rs; edits are lost.
    "bulk-tasks",
    "calendar",
    "cancel-reminder",
    "complete-task",
    "create-task",
    "delete-task",
    "get-task",
    "health",
    "list-reminders",
    "list-tags",
    "list-tasks",
    "preferences",
    "record-audit",
    "reopen-task",
    "schedule-reminder",
    "search-tasks",
    "set-priority",
    "skip-task",
    "snooze-reminder",
    "tag-task",
    "trash",
    "undo",
    "update-task",
    # End of what `just manifests` writes.
  ]

  validation {
    condition     = length(setsubtract(var.functions, [for file in fileset(path.root, "../../../functions/*/Cargo.toml") : basename(dirname(file))])) == 0
    error_message = "functions: there is no function ${join(", ", setsubtract(var.functions, [for file in fileset(path.root, "../../../functions/*/Cargo.toml") : basename(dirname(file))]))}; the folders of functions/ are their names."
  }

  validation {
    condition     = !contains(var.functions, "gateway") && !contains(var.functions, "notify") && !contains(var.functions, "taskflow")
    error_message = "functions: gateway, notify and taskflow hold connections open, which Lambda does not."
  }
}

variable "packages" {
  description = "Folder that holds NAME/bootstrap.zip of each function."
  type        = string
  default     = "../../../target/lambda"
}

variable "database_url" {
  description = "Connection string of PostgreSQL, such as Neon's; the database is brought up to date by functions/migrate."
  type        = string
  sensitive   = true

  validation {
    condition     = startswith(var.database_url, "postgres")
    error_message = "database_url: a connection string that begins with postgres:// is wanted; set TF_VAR_database_url."
  }
}

variable "settings" {
  description = "Environment variables of every function, without secrets."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^(TASKFLOW_[A-Z_]+|GEMINI_(MODEL|BASE_URL)|DAPR_GRPC_ENDPOINT|OTEL_[A-Z_]+|RUST_LOG)$", name))])
    error_message = "settings: names of Taskflow's settings are wanted, as README.md lists them; database_url is a variable of its own."
  }
}

variable "concurrency" {
  description = "How many of one function may run at once, each with a connection to the database; -1 for the account's limit."
  type        = number
  default     = -1

  validation {
    condition     = var.concurrency >= -1 && floor(var.concurrency) == var.concurrency
    error_message = "concurrency: -1 or a whole number from 0 is wanted."
  }
}

variable "log_retention_days" {
  description = "How long logs are kept, in days."
  type        = number
  default     = 7

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365], var.log_retention_days)
    error_message = "log_retention_days: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180 or 365 is wanted."
  }
}
