# One apply from nothing and a destroy, with the mock clouds of tests/mocks. Checks the values that are known only during an apply. Waiting for the
# cluster runs with-cluster.sh, so `oci` and `kubectl` on the PATH must be stand-ins: tests/tools/terraform_check.sh in the repository's root.

mock_provider "oci" {
  source = "./tests/mocks/oci"
}

mock_provider "helm" {}
mock_provider "kubernetes" {}
mock_provider "random" {
  mock_resource "random_password" {
    defaults = {
      result = "generated"
    }
  }
}
mock_provider "neon" {
  mock_resource "neon_project" {
    defaults = {
      connection_uri = "postgres://ep.example.neon.tech/taskflow?sslmode=require"
    }
  }
}
mock_provider "redpanda" {
  source = "./tests/mocks/redpanda"
}

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
  assert {
    condition     = output.url == "https://taskflow.203-0-113-10.nip.io"
    error_message = "The URL is printed."
  }

  assert {
    condition     = issensitive(output.api_token) && nonsensitive(output.api_token) == "generated"
    error_message = "The token is generated, and its output is sensitive."
  }

  assert {
    condition     = strcontains(output.kubeconfig_command, "--cluster-id ocid1.cluster.oc1..c ") && strcontains(output.kubeconfig_command, "--auth api_key")
    error_message = "The kubeconfig command names the cluster and the authentication."
  }

  assert {
    condition     = endswith(nonsensitive(module.database.url), ":generated@postgres.postgres.svc.cluster.local:5432/taskflow?sslmode=disable")
    error_message = "Functions reach PostgreSQL by its name in the cluster."
  }

  assert {
    condition = (
      yamldecode(local.kubeconfig)["clusters"][0]["cluster"]["server"] == "https://203.0.113.20:6443"
      && slice(yamldecode(local.kubeconfig)["users"][0]["user"]["exec"]["args"], 0, 5) == ["ce", "cluster", "generate-token", "--cluster-id", "ocid1.cluster.oc1..c"]
      && !strcontains(local.kubeconfig, "password")
    )
    error_message = "The kubeconfig gets its tokens from the oci command, and contains none."
  }

  assert {
    condition     = output.api_security_group_id == "ocid1.networksecuritygroup.oc1..g"
    error_message = "The output names the security group of the Kubernetes API."
  }
}

run "managed" {
  variables {
    stay_free              = false
    kafka                  = "redpanda"
    redpanda_client_id     = "id"
    redpanda_client_secret = "secret"
    database               = "neon"
    neon_api_key           = "key"
  }

  assert {
    condition     = nonsensitive(module.database.url) == "postgres://ep.example.neon.tech/taskflow?sslmode=require"
    error_message = "Functions reach Neon over TLS."
  }

  assert {
    condition     = nonsensitive(module.platform.kafka) == { bootstrap_servers = "seed.example.fmc.prd.cloud.redpanda.com:9092", password = "generated", username = "taskflow" }
    error_message = "Functions reach Redpanda as the user that Terraform creates for them."
  }

  assert {
    condition     = length(module.oke.disks) == 0
    error_message = "An existing deployment can change its broker and its database, and unused resources are destroyed."
  }
}
