# What Taskflow stands on inside the cluster: the releases of platform/charts.json, and their disks. redpanda.tf has Redpanda, which can take Kafka's place.

locals {
  cluster  = "${path.module}/../../scripts/with-cluster.sh"
  in_kafka = var.kafka == "strimzi"

  releases = { for name, release in jsondecode(file("${var.platform}/charts.json")) : name => release if contains(concat(
    ["knative-operator", "knative-serving", "dapr"], local.in_kafka ? ["strimzi", "kafka"] : [],
  ), name) }

  # A chart of somebody else has a repository; ours are folders beside charts.json, and need the operators of the others.
  operators = { for name, release in local.releases : name => release if can(release.repository) }
  parts     = { for name, release in local.releases : name => release if !can(release.repository) }

  # The same files that minikube-up.sh reads: a release's values, and those of Oracle Cloud over them.
  values = { for name in keys(local.releases) : name => [
    for path in ["values", "oke"] : file("${var.platform}/${path}/${name}.yaml") if fileexists("${var.platform}/${path}/${name}.yaml")
  ] }

  # What a variable says, over both.
  set = { kafka = [yamlencode({ partitions = var.kafka_partitions })] }

  # Helm's provider plans an upgrade for a change of values only, so the values say what the chart's files are.
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

  # A claim goes with its namespace, and must go before the volume that it holds.
  depends_on = [kubernetes_persistent_volume_v1.disk]
}

# A disk is claimed by the storage class of its name. There is no such class object, so the cluster never makes a disk of its own.
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

        # Without a type the driver attaches by iSCSI, which it refuses on a node that encrypts in transit.
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
  wait      = true # a destroy, too, waits until the operator has removed everything

  depends_on = [helm_release.operator]
}

# An operator answers at once and works on. What comes next needs the types and the servers that it makes.
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
