# The releases of platform/charts.json, which Taskflow needs in the cluster, and their disks. redpanda.tf contains Redpanda, which can replace Kafka.

locals {
  cluster  = "${path.module}/../../scripts/with-cluster.sh"
  in_kafka = var.kafka == "strimzi"

  releases = { for name, release in jsondecode(file("${var.platform}/charts.json")) : name => release if contains(concat(
    ["knative-operator", "knative-serving", "dapr"], local.in_kafka ? ["strimzi", "kafka"] : [],
  ), name) }

  # A third-party chart has a repository. Taskflow's own charts are folders next to charts.json, and need the operators of the others.
  operators = { for name, release in local.releases : name => release if can(release.repository) }
  parts     = { for name, release in local.releases : name => release if !can(release.repository) }

  # The same files that minikube-up.sh reads: a release's values, overridden by those of Oracle Cloud.
  values = { for name in keys(local.releases) : name => [
    for path in ["values", "oke"] : file("${var.platform}/${path}/${name}.yaml") if fileexists("${var.platform}/${path}/${name}.yaml")
  ] }

  # Values from variables, which override both.
  set = { kafka = [yamlencode({ partitions = var.kafka_partitions })] }

  # Helm's provider only plans an upgrade if values change, so the values contain a hash of the chart's files.
  sources = { for name in keys(local.parts) : name => yamlencode({
    sources = sha256(join("", [for file in fileset("${var.platform}/${name}", "**") : filesha256("${var.platform}/${name}/${file}")]))
  }) }

  namespaces = { for text in split("\n---\n", file("${var.platform}/namespaces.yaml")) : yamldecode(text).metadata.name => lookup(yamldecode(text).metadata, "labels", {}) }
}

resource "kubernetes_namespace_v1" "this" {
  for_each = { for name, labels in local.namespaces : name => labels if contains(concat([for release in local.releases : release.namespace], var.namespaces), name) }

  metadata {
    name   = each.key
    labels = merge(var.labels, each.value)
  }

  # A claim is deleted with its namespace, and must be deleted before its volume.
  depends_on = [kubernetes_persistent_volume_v1.disk]
}

# A disk is claimed by the storage class of its name. There is no such class object, so the cluster never creates a disk of its own.
resource "kubernetes_persistent_volume_v1" "disk" {
  for_each = var.disks

  metadata {
    name   = "disk-${each.key}"
    labels = var.labels
  }

  spec {
    storage_class_name               = "disk-${each.key}"
    capacity                         = { storage = "${each.value.size_gb}Gi" }
    access_modes                     = ["ReadWriteOnce"]
    persistent_volume_reclaim_policy = "Retain" # Terraform owns the disk and removes it

    persistent_volume_source {
      csi {
        driver        = "blockvolume.csi.oraclecloud.com"
        volume_handle = each.value.id
        fs_type       = "ext4"

        # Without a type, the driver attaches by iSCSI, which it refuses on a node that encrypts in transit.
        volume_attributes = { "attachment-type" = var.encryption_in_transit ? "paravirtualized" : "iscsi" }
      }
    }
  }
}

resource "helm_release" "operator" {
  for_each = local.operators

  name       = each.key
  namespace  = kubernetes_namespace_v1.this[each.value.namespace].metadata[0].name
  repository = each.value.repository
  chart      = each.value.chart
  version    = each.value.version
  values     = local.values[each.key]
  postrender = each.key == "dapr" ? { binary_path = "${var.platform}/one-scheduler.sh" } : null
}

resource "helm_release" "part" {
  for_each = local.parts

  name      = each.key
  namespace = kubernetes_namespace_v1.this[each.value.namespace].metadata[0].name
  chart     = "${var.platform}/${each.key}"
  values    = concat(local.values[each.key], lookup(local.set, each.key, []), [local.sources[each.key]])
  wait      = true # a destroy also waits until the operator has removed everything

  depends_on = [helm_release.operator]
}

# Waits for the types and servers that an operator creates, because the next steps need them and the operator is ready earlier.
resource "terraform_data" "ready" {
  for_each = merge({ "knative-serving" = "knativeserving/knative-serving" }, local.in_kafka ? { kafka = "kafka/taskflow" } : {})

  triggers_replace = [helm_release.part[each.key].values, local.releases]

  provisioner "local-exec" {
    command = "${local.cluster} kubectl wait ${each.value} --namespace ${local.releases[each.key].namespace} --for=condition=Ready --timeout=15m"
    environment = {
      CLUSTER_KUBECONFIG = var.kubeconfig
    }
  }
}
