# A daily backup of the database (platform/backup) into a bucket that deletes backups older than 14 days.

locals {
  days  = 14
  place = startswith(var.compartment_id, "ocid1.tenancy.") ? "tenancy" : "compartment id ${var.compartment_id}"
}

data "oci_objectstorage_namespace" "this" {
  compartment_id = var.compartment_id
}

resource "oci_objectstorage_bucket" "this" {
  #checkov:skip=CKV_OCI_9:encrypted with Oracle's key; a customer-managed key needs a vault, which takes a week to delete
  #checkov:skip=CKV_OCI_8:nothing is overwritten, because each backup has its own name; versions would outlive the 14 days
  compartment_id        = var.compartment_id
  namespace             = data.oci_objectstorage_namespace.this.namespace
  name                  = "${var.name}-backups"
  access_type           = "NoPublicAccess"
  object_events_enabled = true
  freeform_tags         = var.tags
}

# Object Storage needs a policy to delete on its own.
resource "oci_identity_policy" "retention" {
  compartment_id = var.compartment_id
  name           = "${var.name}-backups"
  description    = "Object Storage deletes old backups"
  statements     = ["allow service objectstorage-${var.region} to manage object-family in ${local.place} where target.bucket.name = '${oci_objectstorage_bucket.this.name}'"]
  freeform_tags  = var.tags
}

resource "oci_objectstorage_object_lifecycle_policy" "this" {
  namespace = data.oci_objectstorage_namespace.this.namespace
  bucket    = oci_objectstorage_bucket.this.name

  rules {
    name        = "retention"
    action      = "DELETE"
    target      = "objects"
    time_amount = local.days
    time_unit   = "DAYS"
    is_enabled  = true
  }

  depends_on = [oci_identity_policy.retention]
}

# May write new objects. If it is stolen from the cluster, it can neither read nor delete a backup.
resource "oci_objectstorage_preauthrequest" "this" {
  namespace    = data.oci_objectstorage_namespace.this.namespace
  bucket       = oci_objectstorage_bucket.this.name
  name         = "${var.name}-backup-${var.secrets_rotation}"
  access_type  = "AnyObjectWrite"
  time_expires = "2036-12-31T00:00:00Z"
}

resource "kubernetes_secret_v1" "this" {
  metadata {
    name      = "backup"
    namespace = var.namespace
    labels    = var.labels
  }

  data = { url = "https://objectstorage.${var.region}.oraclecloud.com${oci_objectstorage_preauthrequest.this.access_uri}" }
}

resource "helm_release" "this" {
  name      = "backup"
  namespace = var.namespace
  chart     = "${var.platform}/backup"

  # Helm's provider only plans an upgrade if values change, so the values contain a hash of the chart's files.
  values = [yamlencode({ sources = sha256(join("", [for file in fileset("${var.platform}/backup", "**") : filesha256("${var.platform}/backup/${file}")])) })]

  depends_on = [kubernetes_secret_v1.this]
}
