# Taskflow itself: its secrets and settings, the ingress from the internet, and the kustomize overlay with the images of this release.

locals {
  # Every file that a roll-out reads, so that a change of any of them changes the plan.
  sources = sort(concat(
    [for file in fileset(var.repository, "knative/**") : file],
    [for file in fileset(var.repository, "dapr-components/**") : file],
  ))
  sources_sha256 = sha256(join("\n", [for file in local.sources : "${file} ${filesha256("${var.repository}/${file}")}"]))
  images         = join("\n", [for name, digest in var.image_digests : "${name}=${var.image_prefix}/${name}@${digest}"])
}

# An alphabet that needs no escaping in headers, URLs and shells.
resource "random_password" "this" {
  for_each = toset(["api-token", "dapr-api-token", "app-api-token"])

  length  = 48
  special = false
  keepers = { rotation = var.secrets_rotation }
}

# The private key of Web Push, as base64url, and the key that signs links. Rotation does not replace them: subscribed browsers need the first, and
# links in sent mails need the second.
resource "random_bytes" "kept" {
  for_each = toset(["vapid-key", "link-key"])

  length = 32
}

# Read through Dapr's secret store kubernetes-secrets. An empty value counts as not set.
resource "kubernetes_secret_v1" "taskflow" {
  metadata {
    name      = "taskflow-secrets"
    namespace = var.namespace
    labels    = var.labels
  }

  data = {
    api-token                  = random_password.this["api-token"].result
    gemini-api-key             = var.gemini_api_key == null ? "" : var.gemini_api_key
    link-key                   = random_bytes.kept["link-key"].hex
    neon-connection-string     = var.database_url
    redpanda-bootstrap-servers = var.kafka.bootstrap_servers
    redpanda-username          = var.kafka.username
    redpanda-password          = var.kafka.password
    smtp-url                   = var.smtp_url == null ? "" : var.smtp_url
    vapid-key                  = replace(replace(trimsuffix(random_bytes.kept["vapid-key"].base64, "="), "+", "-"), "/", "_")
    webhook-secret             = var.webhook_secret == null ? "" : var.webhook_secret
    webhook-token              = var.webhook_token == null ? "" : var.webhook_token
  }
}

# The token that callers send to daprd, and the token that daprd sends. Dapr's annotations need one secret each, with the key `token`.
resource "kubernetes_secret_v1" "token" {
  for_each = toset(["dapr-api-token", "app-api-token"])

  metadata {
    name      = each.key
    namespace = var.namespace
    labels    = var.labels
  }

  data = { token = random_password.this[each.key].result }
}

# The gateway keeps its ACME account, the certificate and open challenges here, so an apply must not empty it.
resource "kubernetes_secret_v1" "certificate" {
  metadata {
    name      = "taskflow-certificate"
    namespace = var.namespace
    labels    = var.labels
  }

  lifecycle {
    ignore_changes = [data, binary_data]
  }
}

# Settings that are not secret and that differ between deployments. The overlay passes all of them as environment variables.
resource "kubernetes_config_map_v1" "settings" {
  metadata {
    name      = "taskflow-settings"
    namespace = var.namespace
    labels    = var.labels
  }

  data = var.settings
}

# A plan reads the objects that an apply created. Helm keeps its releases in Secrets.
resource "kubernetes_cluster_role_v1" "plan" {
  count = var.plan_group_id == null ? 0 : 1

  metadata {
    name   = "terraform-plan"
    labels = var.labels
  }

  rule {
    api_groups = [""]
    resources  = ["namespaces", "secrets", "configmaps", "persistentvolumes"]
    verbs      = ["get", "list"]
  }

  rule {
    api_groups = ["rbac.authorization.k8s.io"]
    resources  = ["clusterroles", "clusterrolebindings"]
    verbs      = ["get", "list"]
  }
}

resource "kubernetes_cluster_role_binding_v1" "plan" {
  count = var.plan_group_id == null ? 0 : 1

  metadata {
    name   = "terraform-plan"
    labels = var.labels
  }

  role_ref {
    api_group = "rbac.authorization.k8s.io"
    kind      = "ClusterRole"
    name      = kubernetes_cluster_role_v1.plan[0].metadata[0].name
  }

  subject {
    api_group = "rbac.authorization.k8s.io"
    kind      = "Group"
    name      = var.plan_group_id
  }
}

# A separate release, before the roll-out: its plan shows it, and a destroy waits until the load balancer is gone.
resource "helm_release" "public" {
  name      = "gateway-public"
  namespace = var.namespace
  chart     = "${var.repository}/platform/gateway-public"
  wait      = true

  values = [yamlencode({
    # Helm's provider only plans an upgrade if values change, so the values contain a hash of the chart's files.
    sources   = sha256(join("", [for file in fileset("${var.repository}/platform/gateway-public", "**") : filesha256("${var.repository}/platform/gateway-public/${file}")]))
    address   = var.load_balancer.address
    nodePorts = var.load_balancer.node_ports
    annotations = {
      "oci.oraclecloud.com/load-balancer-type"                                   = "nlb" # free of charge; passes TCP on as it is
      "oci.oraclecloud.com/security-rule-management-mode"                        = "None"
      "oci-network-load-balancer.oraclecloud.com/security-list-management-mode"  = "None"
      "oci-network-load-balancer.oraclecloud.com/subnet"                         = var.load_balancer.subnet_id
      "oci-network-load-balancer.oraclecloud.com/oci-network-security-groups"    = var.load_balancer.security_group_id
      "oci-network-load-balancer.oraclecloud.com/initial-freeform-tags-override" = jsonencode(var.tags)
    }
  })]
}

resource "terraform_data" "rollout" {
  count = var.rollout ? 1 : 0

  triggers_replace = {
    sources = local.sources_sha256
    overlay = var.overlay
    images  = local.images
    secrets = var.secrets_rotation
  }

  provisioner "local-exec" {
    command = "${path.module}/../../scripts/with-cluster.sh ${path.module}/../../scripts/rollout.sh"
    environment = {
      CLUSTER_KUBECONFIG = var.kubeconfig
      NAMESPACE          = var.namespace
      OVERLAY            = "${var.repository}/${var.overlay}"
      IMAGES             = local.images
      SECRETS_ROTATION   = tostring(var.secrets_rotation)
    }
  }

  lifecycle {
    precondition {
      condition     = length(local.sources) > 0
      error_message = "There are no manifests below ${var.repository}/knative: apply from a checkout of the whole repository, or set rollout = false."
    }
  }

  depends_on = [kubernetes_secret_v1.taskflow, kubernetes_secret_v1.token, kubernetes_secret_v1.certificate, kubernetes_config_map_v1.settings, helm_release.public]
}
