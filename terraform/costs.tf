# Costs. The output `billed` lists the parts that may be billed, so a plan shows them before anything is built.

locals {
  free = { ocpus = 2, memory_gb = 12, block_gb = 200 }

  used = {
    ocpus     = var.node_count * var.node_ocpus
    memory_gb = var.node_count * var.node_memory_gb
    block_gb  = var.node_count * var.boot_volume_gb + local.disks_gb
  }

  billed = compact([
    local.used.ocpus > local.free.ocpus ? "${local.used.ocpus - local.free.ocpus} OCPU beyond the free ${local.free.ocpus}, by the hour" : "",
    local.used.memory_gb > local.free.memory_gb ? "${local.used.memory_gb - local.free.memory_gb} GB of memory beyond the free ${local.free.memory_gb}, by the hour" : "",
    local.used.block_gb > local.free.block_gb ? "${local.used.block_gb - local.free.block_gb} GB of block storage beyond the free ${local.free.block_gb}, by the month" : "",
    var.kafka == "redpanda" ? "Redpanda Serverless: uptime and partitions by the hour while it has topics, traffic and storage by the GB" : "",
    var.database == "neon" ? "Neon: nothing on its free plan; compute and storage on a paid one" : "",
    var.create_registry ? "Oracle's registry: storage beyond the free object storage" : "",
    nonsensitive(try(length(var.gemini_api_key) > 0, false)) ? "Gemini: depends on the plan of the key" : "",
  ])
}

# Makes Oracle refuse everything beyond the free allowance. Quota and allowance apply to the whole tenancy, and so to every user of it. A limit of A1
# has two names, one for an availability domain and one for a region. Existing resources stay.
resource "oci_limits_quota" "free" {
  count = var.stay_free ? 1 : 0

  compartment_id = var.tenancy_id # quotas belong to the tenancy's root
  name           = "${var.name}-free"
  description    = "No more than is free; stay_free = false removes it"
  freeform_tags  = local.tags

  statements = concat(
    flatten([for scope in ["", "-regional"] : [
      "set compute-core quota standard-a1-core${scope}-count to ${local.free.ocpus} in tenancy",
      "set compute-memory quota standard-a1-memory${scope}-count to ${local.free.memory_gb} in tenancy",
    ]]),
    ["set block-storage quota total-storage-gb to ${local.free.block_gb} in tenancy"],
  )
}

resource "oci_budget_budget" "this" {
  count = var.budget_email == null ? 0 : 1

  compartment_id = var.tenancy_id # budgets belong to the tenancy's root
  display_name   = var.name
  description    = "Monthly cost of ${var.name}"
  amount         = var.budget_amount
  reset_period   = "MONTHLY"
  target_type    = "COMPARTMENT"
  targets        = [local.compartment_id]
  freeform_tags  = local.tags
}

resource "oci_budget_alert_rule" "this" {
  for_each = var.budget_email == null ? toset([]) : toset(["ACTUAL", "FORECAST"])

  budget_id      = oci_budget_budget.this[0].id
  display_name   = lower(each.key)
  type           = each.key
  threshold      = 100
  threshold_type = "PERCENTAGE"
  recipients     = var.budget_email
  message        = "Taskflow (${var.name}) costs more than ${var.budget_amount} this month: see terraform output billed."
  freeform_tags  = local.tags
}
