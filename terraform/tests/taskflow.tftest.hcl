# Taskflow itself: secrets under the names that the functions read, the load balancer, the roll-out.

mock_provider "helm" {}
mock_provider "kubernetes" {}

mock_provider "random" {
  override_during = plan

  mock_resource "random_password" {
    defaults = {
      result = "generated"
    }
  }

  mock_resource "random_bytes" {
    defaults = {
      base64 = "a+b/c="
      hex    = "0badcafe"
    }
  }
}

variables {
  namespace        = "taskflow"
  tags             = { project = "taskflow" }
  labels           = {}
  kubeconfig       = "none"
  hostname         = "tasks.example.org"
  database_url     = "postgres://db/taskflow"
  kafka            = { bootstrap_servers = "kafka:9092", username = "user", password = "pass" }
  gemini_api_key   = null
  smtp_url         = "smtps://ann:pass@mail.example.org"
  webhook_token    = null
  webhook_secret   = null
  settings         = { TASKFLOW_TIME_ZONE = "Europe/Berlin" }
  secrets_rotation = 1
  rollout          = false
  repository       = ".."
  overlay          = "knative/overlays/oke"
  image_prefix     = "ghcr.io/example/taskflow"
  image_digests    = { gateway = "sha256:0" }
  plan_group_id    = null

  load_balancer = {
    address           = "203.0.113.10"
    subnet_id         = "ocid1.subnet.lb"
    security_group_id = "ocid1.networksecuritygroup.lb"
    node_ports        = { http = 30080, https = 30443 }
  }
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
      link-key                   = "0badcafe"
      neon-connection-string     = "postgres://db/taskflow"
      redpanda-bootstrap-servers = "kafka:9092"
      redpanda-username          = "user"
      redpanda-password          = "pass"
      smtp-url                   = "smtps://ann:pass@mail.example.org"
      vapid-key                  = "a-b_c"
      webhook-secret             = ""
      webhook-token              = ""
    })
    error_message = "The secret taskflow-secrets has the keys that Taskflow reads."
  }

  assert {
    condition     = toset([for secret in kubernetes_secret_v1.token : join(" ", concat([secret.metadata[0].name], keys(nonsensitive(secret.data))))]) == toset(["dapr-api-token token", "app-api-token token"])
    error_message = "Dapr's tokens are in the Secrets that its annotations name."
  }

  assert {
    condition     = alltrue([for password in random_password.this : password.length >= 48 && !password.special])
    error_message = "Tokens are long, and consist of letters and digits."
  }

  assert {
    condition     = issensitive(output.api_token)
    error_message = "The token is not printed."
  }

  assert {
    condition     = kubernetes_secret_v1.certificate.metadata[0].name == "taskflow-certificate" && kubernetes_secret_v1.certificate.metadata[0].namespace == "taskflow"
    error_message = "The gateway finds the Secret of its certificate."
  }

  assert {
    condition = alltrue([for name, value in {
      "oci.oraclecloud.com/load-balancer-type"                                = "nlb"
      "oci.oraclecloud.com/security-rule-management-mode"                     = "None"
      "oci-network-load-balancer.oraclecloud.com/oci-network-security-groups" = "ocid1.networksecuritygroup.lb"
      "oci-network-load-balancer.oraclecloud.com/subnet"                      = "ocid1.subnet.lb"
    } : yamldecode(helm_release.public.values[0]).annotations[name] == value]) && yamldecode(helm_release.public.values[0]).address == "203.0.113.10"
    error_message = "The load balancer is the free kind, on the reserved address, in our security group, and only Terraform writes its rules."
  }

  assert {
    condition     = jsondecode(yamldecode(helm_release.public.values[0]).annotations["oci-network-load-balancer.oraclecloud.com/initial-freeform-tags-override"]) == { project = "taskflow" }
    error_message = "The load balancer is tagged."
  }

  assert {
    condition     = yamldecode(helm_release.public.values[0]).nodePorts == { http = 30080, https = 30443 } && helm_release.public.wait
    error_message = "The load balancer reaches the ports that the nodes' security group opens."
  }

  assert {
    condition     = kubernetes_config_map_v1.settings.data == tomap({ TASKFLOW_TIME_ZONE = "Europe/Berlin" })
    error_message = "The ConfigMap has the given settings."
  }

  assert {
    condition     = length(kubernetes_cluster_role_binding_v1.plan) == 0
    error_message = "Without plan_group_id, no group may read the cluster."
  }

  assert {
    condition     = length(terraform_data.rollout) == 0
    error_message = "With rollout = false, an apply rolls out nothing."
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

run "a_plan_reads" {
  command = plan

  module {
    source = "./modules/taskflow"
  }

  variables {
    plan_group_id = "ocid1.group.oc1..g"
  }

  assert {
    condition     = alltrue(flatten([for rule in kubernetes_cluster_role_v1.plan[0].rule : [for verb in rule.verbs : contains(["get", "list"], verb)]])) && kubernetes_cluster_role_binding_v1.plan[0].subject[0].name == "ocid1.group.oc1..g"
    error_message = "The group of the pipeline's plan reads, and changes nothing."
  }
}
