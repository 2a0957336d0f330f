# PostgreSQL is never open to the world.

mock_provider "kubernetes" {}
mock_provider "neon" {}
mock_provider "random" {}

variables {
  name        = "taskflow"
  labels      = {}
  database    = "cluster"
  disk        = { id = "ocid1.volume.p", size_gb = 50 }
  image       = "docker.io/library/postgres:18.6-alpine"
  requests    = { cpu = 100, memory = 512 }
  neon_org_id = null
  neon_region = "aws-eu-central-1"
}

run "in_the_cluster" {
  command = plan

  module {
    source = "./modules/database"
  }

  assert {
    condition     = kubernetes_service_v1.this[0].spec[0].type == "ClusterIP"
    error_message = "The server has an address inside the cluster only."
  }

  assert {
    condition = alltrue([
      kubernetes_stateful_set_v1.this[0].spec[0].template[0].spec[0].security_context[0].run_as_non_root,
      kubernetes_stateful_set_v1.this[0].spec[0].template[0].spec[0].container[0].security_context[0].read_only_root_filesystem,
      !kubernetes_stateful_set_v1.this[0].spec[0].template[0].spec[0].container[0].security_context[0].allow_privilege_escalation,
      !kubernetes_stateful_set_v1.this[0].spec[0].template[0].spec[0].automount_service_account_token,
    ])
    error_message = "The server runs with no more rights than it needs."
  }

  assert {
    condition     = length(kubernetes_stateful_set_v1.this[0].spec[0].volume_claim_template) == 0 && kubernetes_persistent_volume_v1.this[0].spec[0].persistent_volume_source[0].csi[0].volume_handle == "ocid1.volume.p" && kubernetes_persistent_volume_claim_v1.this[0].spec[0].volume_name == "taskflow-postgres"
    error_message = "The data is on the disk that Terraform made, and no claim makes another."
  }

  assert {
    condition     = can(regex(":[0-9]+\\.[0-9]+", kubernetes_stateful_set_v1.this[0].spec[0].template[0].spec[0].container[0].image))
    error_message = "The image's version is pinned."
  }

  assert {
    condition     = length(neon_project.this) == 0
    error_message = "There is no Neon project."
  }
}

run "neon" {
  command = plan

  module {
    source = "./modules/database"
  }

  variables {
    database = "neon"
    disk     = null
  }

  assert {
    condition     = neon_project.this[0].default_endpoint_settings[0].autoscaling_limit_max_cu == 0.25
    error_message = "Neon's compute does not grow."
  }

  assert {
    condition     = length(kubernetes_stateful_set_v1.this) == 0 && length(kubernetes_persistent_volume_v1.this) == 0
    error_message = "There is no server in the cluster."
  }
}
