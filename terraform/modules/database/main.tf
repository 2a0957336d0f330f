# PostgreSQL, one of two: Neon, which sleeps while nobody asks and is free for this size, or a server in the cluster on a disk of its own.
# Either way one database, one role, and a connection string; neither is open to the world: Neon asks for TLS and a password, the
# server in the cluster has an address inside the cluster only.

locals {
  in_cluster = var.database == "cluster"
  role       = "taskflow"
  server     = "postgres"
  port       = 5432
}

resource "neon_project" "this" {
  count = local.in_cluster ? 0 : 1

  name                      = var.name
  org_id                    = var.neon_org_id
  region_id                 = var.neon_region
  pg_version                = 18
  history_retention_seconds = 21600 # six hours of restore to a point in time, as much as the free plan has
  store_password            = "yes"

  branch {
    name          = "main"
    database_name = local.role
    role_name     = local.role
  }

  # The smallest and no larger, asleep after Neon's five minutes: what it costs has an upper end.
  default_endpoint_settings {
    autoscaling_limit_min_cu = 0.25
    autoscaling_limit_max_cu = 0.25
  }
}

resource "kubernetes_namespace_v1" "this" {
  count = local.in_cluster ? 1 : 0

  metadata {
    name   = local.server
    labels = merge(var.labels, { "pod-security.kubernetes.io/enforce" = "restricted" })
  }
}

resource "random_password" "this" {
  count = local.in_cluster ? 1 : 0

  length  = 40
  special = false # it stands in a URL
}

resource "kubernetes_secret_v1" "this" {
  count = local.in_cluster ? 1 : 0

  metadata {
    name      = local.server
    namespace = kubernetes_namespace_v1.this[0].metadata[0].name
    labels    = var.labels
  }

  data = { password = random_password.this[0].result }
}

resource "kubernetes_persistent_volume_v1" "this" {
  count = local.in_cluster ? 1 : 0

  metadata {
    name   = "${var.name}-${local.server}"
    labels = var.labels
  }

  spec {
    storage_class_name               = "${var.name}-${local.server}"
    capacity                         = { storage = "${var.disk.size_gb}Gi" }
    access_modes                     = ["ReadWriteOnce"]
    persistent_volume_reclaim_policy = "Retain" # Terraform owns the disk and removes it

    persistent_volume_source {
      csi {
        driver        = "blockvolume.csi.oraclecloud.com"
        volume_handle = var.disk.id
        fs_type       = "ext4"
      }
    }
  }
}

resource "kubernetes_persistent_volume_claim_v1" "this" {
  count = local.in_cluster ? 1 : 0

  metadata {
    name      = local.server
    namespace = kubernetes_namespace_v1.this[0].metadata[0].name
    labels    = var.labels
  }

  spec {
    storage_class_name = kubernetes_persistent_volume_v1.this[0].spec[0].storage_class_name
    volume_name        = kubernetes_persistent_volume_v1.this[0].metadata[0].name
    access_modes       = ["ReadWriteOnce"]

    resources {
      requests = { storage = "${var.disk.size_gb}Gi" }
    }
  }
}

resource "kubernetes_stateful_set_v1" "this" {
  count = local.in_cluster ? 1 : 0

  metadata {
    name      = local.server
    namespace = kubernetes_namespace_v1.this[0].metadata[0].name
    labels    = var.labels
  }

  spec {
    replicas     = 1
    service_name = local.server

    selector {
      match_labels = { app = local.server }
    }

    template {
      metadata {
        labels = merge(var.labels, { app = local.server })
      }

      spec {
        automount_service_account_token  = false
        termination_grace_period_seconds = 60

        security_context {
          run_as_non_root = true
          run_as_user     = 70 # postgres, in this image
          run_as_group    = 70
          fs_group        = 70

          seccomp_profile {
            type = "RuntimeDefault"
          }
        }

        container {
          name  = local.server
          image = var.image

          # Each function that runs holds a few connections (TASKFLOW_DB_POOL): all functions at once must fit.
          args = ["-c", "max_connections=200", "-c", "shared_buffers=256MB"]

          env {
            name  = "POSTGRES_USER"
            value = local.role
          }

          env {
            name  = "POSTGRES_DB"
            value = local.role
          }

          env {
            name = "POSTGRES_PASSWORD"

            value_from {
              secret_key_ref {
                name = kubernetes_secret_v1.this[0].metadata[0].name
                key  = "password"
              }
            }
          }

          port {
            name           = local.server
            container_port = local.port
          }

          resources {
            requests = { cpu = "${var.requests.cpu}m", memory = "${var.requests.memory}Mi" }
            limits   = { memory = "1Gi" }
          }

          readiness_probe {
            period_seconds  = 2
            timeout_seconds = 5

            exec {
              command = ["pg_isready", "--quiet", "--host=127.0.0.1", "--username=${local.role}"]
            }
          }

          liveness_probe {
            initial_delay_seconds = 120 # recovery after a crash takes its time
            period_seconds        = 20
            timeout_seconds       = 10
            failure_threshold     = 6

            exec {
              command = ["pg_isready", "--quiet", "--host=127.0.0.1", "--username=${local.role}"]
            }
          }

          security_context {
            allow_privilege_escalation = false
            read_only_root_filesystem  = true

            capabilities {
              drop = ["ALL"]
            }
          }

          volume_mount {
            name       = "data"
            mount_path = "/var/lib/postgresql"
          }

          volume_mount {
            name       = "scratch"
            mount_path = "/var/run/postgresql"
            sub_path   = "run"
          }

          volume_mount {
            name       = "scratch"
            mount_path = "/tmp"
            sub_path   = "tmp"
          }

          volume_mount {
            name       = "shared-memory"
            mount_path = "/dev/shm"
          }
        }

        volume {
          name = "data"

          persistent_volume_claim {
            claim_name = kubernetes_persistent_volume_claim_v1.this[0].metadata[0].name
          }
        }

        volume {
          name = "scratch"

          empty_dir {
            size_limit = "64Mi"
          }
        }

        volume {
          name = "shared-memory"

          empty_dir {
            medium     = "Memory"
            size_limit = "128Mi"
          }
        }
      }
    }
  }
}

resource "kubernetes_service_v1" "this" {
  count = local.in_cluster ? 1 : 0

  metadata {
    name      = local.server
    namespace = kubernetes_namespace_v1.this[0].metadata[0].name
    labels    = var.labels
  }

  spec {
    type     = "ClusterIP"
    selector = { app = local.server }

    port {
      port        = local.port
      target_port = local.port
    }
  }
}
