# PostgreSQL: either Neon, which sleeps when idle and is free for this size, or a server in the cluster (platform/postgres). Either way, there is one
# database, one role, and a connection string. Neither is public: Neon requires TLS and a password, and the server in the cluster only has an address
# inside the cluster.

locals {
  in_cluster = var.database == "cluster"
  role       = "taskflow"
  server     = "postgres"
}

resource "neon_project" "this" {
  count = local.in_cluster ? 0 : 1

  name                      = var.name
  org_id                    = var.neon_org_id
  region_id                 = var.neon_region
  pg_version                = 18
  history_retention_seconds = 21600 # six hours of point-in-time restore, the maximum of the free plan
  store_password            = "yes"

  branch {
    name          = "main"
    database_name = local.role
    role_name     = local.role
  }

  # The smallest size and no larger, and asleep after Neon's five idle minutes, so that the cost has a limit.
  default_endpoint_settings {
    autoscaling_limit_min_cu = 0.25
    autoscaling_limit_max_cu = 0.25
  }
}

resource "random_password" "this" {
  count = local.in_cluster ? 1 : 0

  length  = 40
  special = false # it is part of a URL
}

resource "kubernetes_secret_v1" "this" {
  count = local.in_cluster ? 1 : 0

  metadata {
    name      = local.server
    namespace = var.namespace
    labels    = var.labels
  }

  data = { password = random_password.this[0].result }
}

resource "helm_release" "this" {
  count = local.in_cluster ? 1 : 0

  name      = local.server
  namespace = var.namespace
  chart     = "${var.platform}/postgres"
  wait      = true

  # Helm's provider only plans an upgrade if values change, so the values contain a hash of the chart's files.
  values = [
    file("${var.platform}/oke/postgres.yaml"),
    yamlencode({ sources = sha256(join("", [for file in fileset("${var.platform}/postgres", "**") : filesha256("${var.platform}/postgres/${file}")])) }),
  ]

  # Its claim waits for the volume.
  depends_on = [kubernetes_secret_v1.this]
}
