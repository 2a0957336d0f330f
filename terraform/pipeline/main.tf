# The parts that the pipeline needs before it can plan or apply anything: its two groups, their permissions, and the bucket of the state. An
# administrator applies it once, by hand, with its own state; the pipeline cannot change its own permissions. See "The pipeline's rights" in
# docs/runbook.md.

locals {
  tags  = { project = "taskflow", managed-by = "terraform" }
  place = startswith(var.compartment_id, "ocid1.tenancy.") ? "tenancy" : "compartment id ${var.compartment_id}"

  bucket = "${var.name}-state"

  # Both check capacity and limits before they build.
  checks = ["manage compute-capacity-reports in tenancy", "read resource-availability in tenancy", "inspect all-resources in tenancy"]

  rights = {
    # Builds and removes a deployment. This does not include users, groups and the policies of the tenancy.
    pipeline = concat(local.checks, [
      "manage all-resources in ${local.place}",
      "manage quota in tenancy",
      "manage usage-budgets in tenancy",
    ])

    # Reads the resources that a plan refreshes, and the state, without its lock. Allows its runner to reach the Kubernetes API.
    plan = concat(local.checks, [
      "read all-resources in ${local.place}",
      "read quota in tenancy",
      "read usage-budgets in tenancy",
      "use clusters in ${local.place}",
      "manage network-security-groups in ${local.place}",
    ])
  }
}

resource "oci_identity_group" "this" {
  for_each = local.rights

  compartment_id = var.tenancy_id # groups belong to the tenancy's root
  name           = "${var.name}-${each.key}"
  description    = "Taskflow's pipeline: ${each.key}"
  freeform_tags  = local.tags
}

resource "oci_identity_policy" "this" {
  for_each = local.rights

  compartment_id = var.tenancy_id # some rights apply to the whole tenancy
  name           = "${var.name}-${each.key}"
  description    = "Rights of Taskflow's pipeline: ${each.key}"
  statements     = [for right in each.value : "allow group ${oci_identity_group.this[each.key].name} to ${right}"]
  freeform_tags  = local.tags
}

data "oci_objectstorage_namespace" "this" {
  compartment_id = var.compartment_id
}

# Versions are kept, because a lost or broken state is worse than an old one.
resource "oci_objectstorage_bucket" "state" {
  #checkov:skip=CKV_OCI_9:encrypted with Oracle's key; a customer-managed key needs a vault, which takes a week to delete
  compartment_id        = var.compartment_id
  namespace             = data.oci_objectstorage_namespace.this.namespace
  name                  = local.bucket
  access_type           = "NoPublicAccess"
  versioning            = "Enabled"
  object_events_enabled = true
  freeform_tags         = local.tags
}

resource "oci_identity_policy" "retention" {
  compartment_id = var.compartment_id
  name           = "${var.name}-state"
  description    = "Object Storage deletes old versions of the state"
  statements     = ["allow service objectstorage-${var.region} to manage object-family in ${local.place} where target.bucket.name = '${local.bucket}'"]
  freeform_tags  = local.tags
}

# A version of the state contains the secrets of its time.
resource "oci_objectstorage_object_lifecycle_policy" "state" {
  namespace = data.oci_objectstorage_namespace.this.namespace
  bucket    = oci_objectstorage_bucket.state.name

  rules {
    name        = "old-versions"
    action      = "DELETE"
    target      = "previous-object-versions"
    time_amount = 90
    time_unit   = "DAYS"
    is_enabled  = true
  }

  depends_on = [oci_identity_policy.retention]
}
