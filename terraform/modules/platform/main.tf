# What Taskflow stands on inside the cluster. This file: disks, and how much of a node each part may count on; the parts themselves are in
# the files named after them.

locals {
  charts    = "${path.module}/../../charts"
  cluster   = "${path.module}/../../scripts/with-cluster.sh"
  in_kafka  = var.kafka == "strimzi"
  namespace = { for name, namespace in kubernetes_namespace_v1.this : name => namespace.metadata[0].name }

  # What is asked for, in millicores and MiB: a free node has 2,000 millicores for everything, and the charts' own numbers do not fit.
  requests = merge(
    {
      knative-operator         = { cpu = 20, memory = 100 }
      knative-operator-webhook = { cpu = 20, memory = 60 }
      activator                = { cpu = 30, memory = 60 }
      autoscaler               = { cpu = 30, memory = 60 }
      autoscaler-hpa           = { cpu = 10, memory = 40 }
      controller               = { cpu = 30, memory = 100 }
      webhook                  = { cpu = 30, memory = 60 }
      net-kourier-controller   = { cpu = 20, memory = 60 }
      "3scale-kourier-gateway" = { cpu = 50, memory = 100 }
      cert-manager             = { cpu = 10, memory = 50 }
      cert-manager-webhook     = { cpu = 10, memory = 30 }
      cert-manager-cainjector  = { cpu = 10, memory = 50 }
      dapr-operator            = { cpu = 20, memory = 60 }
      dapr-sentry              = { cpu = 20, memory = 40 }
      dapr-sidecar-injector    = { cpu = 20, memory = 40 }
      dapr-scheduler           = { cpu = 50, memory = 100 }
    },
    local.in_kafka ? {
      strimzi        = { cpu = 50, memory = 384 }
      kafka          = { cpu = 200, memory = 1024 }
      topic-operator = { cpu = 20, memory = 256 }
    } : {},
  )
  resources = { for name, request in local.requests : name => {
    requests = { cpu = "${request.cpu}m", memory = "${request.memory}Mi" }
  } }
}

resource "kubernetes_namespace_v1" "this" {
  for_each = toset(concat(["knative-operator", "knative-serving", "cert-manager", "dapr-system"], local.in_kafka ? ["kafka"] : []))

  metadata {
    name   = each.key
    labels = var.labels
  }

  # A claim goes with its namespace, and must go before the volume that it holds.
  depends_on = [kubernetes_persistent_volume_v1.disk]
}

# A disk is claimed by the storage class of its name. There is no such class object, so the cluster never makes a disk of its own.
resource "kubernetes_persistent_volume_v1" "disk" {
  for_each = var.disks

  metadata {
    name   = "${var.name}-${each.key}"
    labels = var.labels
  }

  spec {
    storage_class_name               = "${var.name}-${each.key}"
    capacity                         = { storage = "${each.value.size_gb}Gi" }
    access_modes                     = ["ReadWriteOnce"]
    persistent_volume_reclaim_policy = "Retain" # Terraform owns the disk and removes it

    persistent_volume_source {
      csi {
        driver        = "blockvolume.csi.oraclecloud.com"
        volume_handle = each.value.id
        fs_type       = "ext4"
      }
    }
  }
}
