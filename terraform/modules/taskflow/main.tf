# Taskflow itself: its namespace, its secrets, the public name, and the kustomize overlay with the images of this release.

locals {
  # Everything that a rollout reads, so that a change of any file is a change of the plan.
  sources = sort(concat(
    [for file in fileset(var.repository, "knative/**") : file],
    [for file in fileset(var.repository, "dapr-components/**") : file],
  ))
  sources_sha256 = sha256(join("\n", [for file in local.sources : "${file} ${filesha256("${var.repository}/${file}")}"]))
  images         = join("\n", [for name, digest in var.image_digests : "${name}=${var.image_prefix}/${name}@${digest}"])
}

resource "kubernetes_namespace_v1" "this" {
  metadata {
    name   = var.name
    labels = merge(var.labels, { "pod-security.kubernetes.io/warn" = "restricted" })
  }
}

# An alphabet that needs no escaping in headers, URLs and shells.
resource "random_password" "this" {
  for_each = toset(["api-token", "dapr-api-token", "app-api-token"])

  length  = 48
  special = false
  keepers = { rotation = var.secrets_rotation }
}

# Read through Dapr's secret store kubernetes-secrets; an empty value counts as not set.
resource "kubernetes_secret_v1" "taskflow" {
  metadata {
    name      = "taskflow-secrets"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
    labels    = var.labels
  }

  data = {
    api-token                  = random_password.this["api-token"].result
    gemini-api-key             = var.gemini_api_key == null ? "" : var.gemini_api_key
    neon-connection-string     = var.database_url
    redpanda-bootstrap-servers = var.kafka.bootstrap_servers
    redpanda-username          = var.kafka.username
    redpanda-password          = var.kafka.password
  }
}

# The token sent to daprd, and the one that daprd sends: Dapr's annotations want a secret each, with the key `token`.
resource "kubernetes_secret_v1" "token" {
  for_each = toset(["dapr-api-token", "app-api-token"])

  metadata {
    name      = each.key
    namespace = kubernetes_namespace_v1.this.metadata[0].name
    labels    = var.labels
  }

  data = { token = random_password.this[each.key].result }
}

# What is no secret and differs from deployment to deployment; the overlay takes all of it as environment.
resource "kubernetes_config_map_v1" "settings" {
  metadata {
    name      = "taskflow-settings"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
    labels    = var.labels
  }

  data = var.settings
}

# The public name leads to the gateway. Knative gets its certificate and sends http to https.
resource "helm_release" "address" {
  name      = "address"
  namespace = kubernetes_namespace_v1.this.metadata[0].name
  chart     = "${path.module}/../../charts/resources"
  wait      = true

  values = [yamlencode({ manifests = [{
    apiVersion = "serving.knative.dev/v1beta1"
    kind       = "DomainMapping"
    metadata   = { name = var.hostname, namespace = kubernetes_namespace_v1.this.metadata[0].name }
    spec       = { ref = { apiVersion = "v1", kind = "Service", name = "gateway" } }
  }] })]
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
      NAMESPACE          = kubernetes_namespace_v1.this.metadata[0].name
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

  depends_on = [kubernetes_secret_v1.taskflow, kubernetes_secret_v1.token, kubernetes_config_map_v1.settings, helm_release.address]
}
