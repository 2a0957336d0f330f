# A first deployment needs only one plan: no count and no key of a for_each depends on an address or an id that is known only after an apply.

mock_provider "oci" {
  source = "./tests/mocks/oci" # computed values stay unknown, as in a first plan
}

mock_provider "helm" {}
mock_provider "kubernetes" {}
mock_provider "random" {}
mock_provider "neon" {}
mock_provider "redpanda" {}

variables {
  tenancy_id      = "ocid1.tenancy.oc1..t"
  region          = "eu-frankfurt-1"
  operator_cidrs  = ["198.51.100.7/32"]
  image_registry  = "ghcr.io/example/taskflow"
  image_digests   = {}
  rollout         = false
  time_zone       = "Europe/Berlin"
  create_registry = true
  budget_email    = "me@example.org"
}

run "everything_in_the_cluster" {
  command = plan

  assert {
    condition     = length(module.oke.disks) == 2
    error_message = "The disks are known by name."
  }
}

run "managed" {
  command = plan

  variables {
    stay_free              = false
    kafka                  = "redpanda"
    redpanda_client_id     = "id"
    redpanda_client_secret = "secret"
    database               = "neon"
    neon_api_key           = "key"
  }

  assert {
    condition     = length(module.oke.disks) == 0
    error_message = "There is no disk."
  }
}
