# The example free-tier.tfvars, as it stands, is free: terraform test -test-directory=examples -filter=… -var-file=examples/free-tier.tfvars

mock_provider "oci" {
  source          = "./tests/mocks/oci"
  override_during = plan
}

mock_provider "helm" {}
mock_provider "kubernetes" {}
mock_provider "random" {}
mock_provider "neon" {}
mock_provider "redpanda" {}

variables {
  tenancy_id     = "ocid1.tenancy.oc1..t"
  operator_cidrs = ["198.51.100.7/32"]
  image_registry = "ghcr.io/example/taskflow"
  image_digests  = {}
  rollout        = false
}

run "free" {
  command = plan

  assert {
    condition     = length(output.billed) == 0
    error_message = "Nothing is billed."
  }

  assert {
    condition     = output.block_storage_gb == 150
    error_message = "Boot volume and disks leave 50 of the free 200 GB."
  }

  assert {
    condition     = output.url == "https://taskflow.203-0-113-10.nip.io"
    error_message = "The URL is https, with a name derived from the address."
  }

  assert {
    condition     = strcontains(output.kubeconfig_command, "oci ce cluster create-kubeconfig") && strcontains(output.kubeconfig_command, "--region eu-frankfurt-1")
    error_message = "The kubeconfig command is printed."
  }
}
