# PostgreSQL is never public.

mock_provider "helm" {}
mock_provider "kubernetes" {}
mock_provider "neon" {}
mock_provider "random" {}

variables {
  platform    = "../platform"
  name        = "taskflow"
  labels      = {}
  database    = "cluster"
  namespace   = "postgres"
  neon_org_id = null
  neon_region = "aws-eu-central-1"
}

run "in_the_cluster" {
  command = plan

  module {
    source = "./modules/database"
  }

  assert {
    condition     = helm_release.this[0].chart == "../platform/postgres" && helm_release.this[0].values[0] == file("../platform/oke/postgres.yaml")
    error_message = "The server is the chart of platform/, on its disk."
  }

  assert {
    condition     = "${kubernetes_secret_v1.this[0].metadata[0].namespace}/${kubernetes_secret_v1.this[0].metadata[0].name}" == "postgres/postgres"
    error_message = "The password is in the Secret that the server reads."
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
    database  = "neon"
    namespace = null
  }

  assert {
    condition     = neon_project.this[0].default_endpoint_settings[0].autoscaling_limit_max_cu == 0.25
    error_message = "Neon's compute does not grow."
  }

  assert {
    condition     = length(helm_release.this) == 0 && length(kubernetes_secret_v1.this) == 0
    error_message = "There is no server in the cluster."
  }
}
