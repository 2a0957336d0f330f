# Taskflow's own part: secrets under the names that the functions read, the public name, the roll-out.

mock_provider "helm" {}
mock_provider "kubernetes" {}

mock_provider "random" {
  override_during = plan

  mock_resource "random_password" {
    defaults = {
      result = "generated"
    }
  }
}

variables {
  name             = "taskflow"
  labels           = {}
  kubeconfig       = "none"
  hostname         = "tasks.example.org"
  database_url     = "postgres://db/taskflow"
  kafka            = { bootstrap_servers = "kafka:9092", username = "user", password = "pass" }
  gemini_api_key   = null
  settings         = { TASKFLOW_TIME_ZONE = "Europe/Berlin" }
  secrets_rotation = 1
  rollout          = false
  repository       = ".."
  overlay          = "knative/overlays/oke"
  image_prefix     = "ghcr.io/example/taskflow"
  image_digests    = { gateway = "sha256:0" }
}

run "secrets" {
  command = plan

  module {
    source = "./modules/taskflow"
  }

  assert {
    condition = nonsensitive(kubernetes_secret_v1.taskflow.data) == tomap({
      api-token                  = "generated"
      gemini-api-key             = ""
      neon-connection-string     = "postgres://db/taskflow"
      redpanda-bootstrap-servers = "kafka:9092"
      redpanda-username          = "user"
      redpanda-password          = "pass"
    })
    error_message = "The secret taskflow-secrets has the keys that Taskflow reads."
  }

  assert {
    condition     = toset([for secret in kubernetes_secret_v1.token : join(" ", concat([secret.metadata[0].name], keys(nonsensitive(secret.data))))]) == toset(["dapr-api-token token", "app-api-token token"])
    error_message = "Dapr's tokens are where its annotations look for them."
  }

  assert {
    condition     = alltrue([for password in random_password.this : password.length >= 48 && !password.special])
    error_message = "Tokens are long, and of letters and digits."
  }

  assert {
    condition     = issensitive(output.api_token)
    error_message = "The token is not printed."
  }

  assert {
    condition     = yamldecode(helm_release.address.values[0]).manifests[0].metadata.name == "tasks.example.org" && yamldecode(helm_release.address.values[0]).manifests[0].spec.ref.name == "gateway"
    error_message = "The public name leads to the gateway, and to nothing else."
  }

  assert {
    condition     = length(terraform_data.rollout) == 0
    error_message = "Nothing is rolled out where the pipeline does it."
  }
}

run "no_manifests" {
  command = plan

  module {
    source = "./modules/taskflow"
  }

  variables {
    rollout    = true
    repository = "./tests/no-such-folder"
  }

  expect_failures = [terraform_data.rollout]
}
