# The rights of the pipeline, and their limits.

mock_provider "oci" {
  mock_data "oci_objectstorage_namespace" {
    defaults = {
      namespace = "frspace"
    }
  }
}

variables {
  tenancy_id     = "ocid1.tenancy.oc1..t"
  compartment_id = "ocid1.compartment.oc1..c"
  region         = "eu-frankfurt-1"
}

run "rights" {
  command = plan

  assert {
    condition     = alltrue([for statement in oci_identity_policy.this["plan"].statements : can(regex(" to (read|inspect|use) ", statement)) || endswith(statement, "manage network-security-groups in compartment id ocid1.compartment.oc1..c") || endswith(statement, "manage compute-capacity-reports in tenancy")])
    error_message = "A plan may only read, change network security groups, and check capacity."
  }

  assert {
    condition     = toset([for statement in oci_identity_policy.this["pipeline"].statements : statement if endswith(statement, " in tenancy") && strcontains(statement, "manage")]) == toset([for right in ["compute-capacity-reports", "quota", "usage-budgets"] : "allow group taskflow-pipeline to manage ${right} in tenancy"])
    error_message = "Outside its compartment, the pipeline may change only the quota and the budget."
  }

  assert {
    condition     = oci_objectstorage_bucket.state.versioning == "Enabled" && oci_objectstorage_bucket.state.access_type == "NoPublicAccess"
    error_message = "The state is private, and keeps its versions."
  }

  assert {
    condition     = [for rule in oci_objectstorage_object_lifecycle_policy.state.rules : "${rule.target} ${rule.time_amount} ${rule.time_unit}"] == ["previous-object-versions 90 DAYS"]
    error_message = "Old versions of the state, which contain old secrets, are deleted."
  }
}

run "in_the_root_compartment" {
  command = plan

  variables {
    compartment_id = "ocid1.tenancy.oc1..t"
  }

  assert {
    condition     = contains(oci_identity_policy.this["pipeline"].statements, "allow group taskflow-pipeline to manage all-resources in tenancy")
    error_message = "A policy names the root compartment as the tenancy."
  }
}
