# The daily backup: its bucket, its retention, and the cluster's rights in the bucket.

mock_provider "oci" {
  source          = "./tests/mocks/oci"
  override_during = plan
}

mock_provider "helm" {}
mock_provider "kubernetes" {}

variables {
  platform         = "../platform"
  compartment_id   = "ocid1.compartment.oc1..c"
  region           = "eu-frankfurt-1"
  name             = "taskflow"
  tags             = {}
  labels           = {}
  namespace        = "taskflow"
  secrets_rotation = 1
}

run "kept_for_14_days" {
  command = plan

  module {
    source = "./modules/backup"
  }

  assert {
    condition     = [for rule in oci_objectstorage_object_lifecycle_policy.this.rules : "${rule.action} ${rule.time_amount} ${rule.time_unit} ${rule.is_enabled}"] == ["DELETE 14 DAYS true"]
    error_message = "A backup is deleted after 14 days."
  }

  assert {
    condition     = oci_identity_policy.retention.statements == tolist(["allow service objectstorage-eu-frankfurt-1 to manage object-family in compartment id ocid1.compartment.oc1..c where target.bucket.name = 'taskflow-backups'"])
    error_message = "Object Storage may delete objects in this bucket, and in no other."
  }

  assert {
    condition     = oci_objectstorage_bucket.this.access_type == "NoPublicAccess" && oci_objectstorage_preauthrequest.this.access_type == "AnyObjectWrite"
    error_message = "The bucket is private, and the cluster may write to it but not read it."
  }

  assert {
    condition     = nonsensitive(kubernetes_secret_v1.this.data["url"]) == "https://objectstorage.eu-frankfurt-1.oraclecloud.com/p/secret/n/frspace/b/taskflow-backups/o/"
    error_message = "The CronJob has the URL in its Secret."
  }
}

run "in_the_root_compartment" {
  command = plan

  module {
    source = "./modules/backup"
  }

  variables {
    compartment_id = "ocid1.tenancy.oc1..t"
  }

  assert {
    condition     = strcontains(oci_identity_policy.retention.statements[0], " in tenancy where ")
    error_message = "A policy names the root compartment as the tenancy."
  }
}
