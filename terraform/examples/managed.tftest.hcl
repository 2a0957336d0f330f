# A plan of the example managed.tfvars shows its costs: terraform test -test-directory=examples -filter=… -var-file=examples/managed.tfvars

mock_provider "oci" {
  source          = "./tests/mocks/oci"
  override_during = plan
}

mock_provider "helm" {}
mock_provider "kubernetes" {}
mock_provider "random" {}
mock_provider "neon" {}
mock_provider "redpanda" {
  source          = "./tests/mocks/redpanda"
  override_during = plan
}

variables {
  tenancy_id     = "ocid1.tenancy.oc1..t"
  operator_cidrs = ["198.51.100.7/32"]
  image_registry = "ghcr.io/example/taskflow"
  image_digests  = {}
  rollout        = false

  redpanda_client_id     = "id"
  redpanda_client_secret = "secret"
  neon_api_key           = "key"
}

run "billed" {
  command = plan

  assert {
    condition     = length([for item in output.billed : item if startswith(item, "Redpanda Serverless: uptime")]) == 1
    error_message = "The plan shows that Redpanda Serverless is billed."
  }

  assert {
    condition     = output.overlay == "knative/overlays/oke-redpanda"
    error_message = "The overlay has the components of Redpanda."
  }

  assert {
    condition     = output.block_storage_gb == 50
    error_message = "The boot volume is the only block storage."
  }
}
