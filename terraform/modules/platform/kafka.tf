# Kafka, one of two: a broker of Strimzi's in the cluster, or Redpanda Serverless. Either way the topics are resources.

locals {
  partitions = 3
  day_ms     = 24 * 60 * 60 * 1000

  # How long a topic keeps events, in days. Consumers are minutes behind at most; dead letters wait for a person.
  topics = {
    task-events   = 7
    reminders     = 7
    task-updates  = 1
    task-commands = 7
    dead-letters  = 30
  }
}

resource "helm_release" "strimzi" {
  count = local.in_kafka ? 1 : 0

  name       = "strimzi"
  namespace  = local.namespace["kafka"]
  repository = "oci://quay.io/strimzi-helm"
  chart      = "strimzi-kafka-operator"
  version    = var.versions.strimzi

  values = [yamlencode({
    resources = merge(local.resources["strimzi"], { limits = { memory = "512Mi" } })
  })]
}

resource "helm_release" "kafka" {
  count = local.in_kafka ? 1 : 0

  name      = "kafka"
  namespace = local.namespace["kafka"]
  chart     = "${local.charts}/resources"
  wait      = true

  values = [yamlencode({ manifests = concat(
    [
      {
        apiVersion = "kafka.strimzi.io/v1"
        kind       = "KafkaNodePool"
        metadata   = { name = "broker", labels = { "strimzi.io/cluster" = var.name } }
        spec = {
          replicas   = 1
          roles      = ["controller", "broker"]
          resources  = merge(local.resources["kafka"], { limits = { memory = "1536Mi" } })
          jvmOptions = { "-Xms" = "384m", "-Xmx" = "384m" }
          storage = {
            type        = "persistent-claim"
            class       = kubernetes_persistent_volume_v1.disk["kafka"].spec[0].storage_class_name
            size        = "${var.disks["kafka"].size_gb}Gi"
            deleteClaim = true
          }
        }
      },
      {
        apiVersion = "kafka.strimzi.io/v1"
        kind       = "Kafka"
        metadata   = { name = var.name }
        spec = {
          kafka = {
            version   = var.versions.kafka
            listeners = [{ name = "plain", port = 9092, type = "internal", tls = false }]
            config = {
              "auto.create.topics.enable"                        = false
              "default.replication.factor"                       = 1
              "min.insync.replicas"                              = 1
              "offsets.topic.replication.factor"                 = 1
              "transaction.state.log.replication.factor"         = 1
              "transaction.state.log.min.isr"                    = 1
              "share.coordinator.state.topic.replication.factor" = 1
              "share.coordinator.state.topic.min.isr"            = 1
              "log.retention.bytes"                              = 1024 * 1024 * 1024 # a partition; all of them fit the disk
              "group.initial.rebalance.delay.ms"                 = 0
            }
          }
          entityOperator = {
            topicOperator = { resources = local.resources["topic-operator"] }
            # With finalizers, a topic that is deleted together with its operator would stay for ever.
            template = { topicOperatorContainer = { env = [{ name = "STRIMZI_USE_FINALIZERS", value = "false" }] } }
          }
        }
      },
    ],
    [for name, days in local.topics : {
      apiVersion = "kafka.strimzi.io/v1"
      kind       = "KafkaTopic"
      metadata   = { name = name, labels = { "strimzi.io/cluster" = var.name } }
      spec       = { partitions = local.partitions, replicas = 1, config = { "retention.ms" = days * local.day_ms } }
    }],
  ) })]

  depends_on = [helm_release.strimzi]
}

resource "terraform_data" "kafka_ready" {
  count = local.in_kafka ? 1 : 0

  triggers_replace = [helm_release.kafka[0].values, helm_release.strimzi[0].version]

  provisioner "local-exec" {
    command = "${local.cluster} kubectl wait kafka/${var.name} --namespace kafka --for=condition=Ready --timeout=15m"
    environment = {
      CLUSTER_KUBECONFIG = var.kubeconfig
    }
  }
}

# Redpanda Serverless. Billed by the hour while it has topics.

resource "redpanda_resource_group" "this" {
  count = local.in_kafka ? 0 : 1

  name = var.name
}

resource "redpanda_serverless_cluster" "this" {
  count = local.in_kafka ? 0 : 1

  name              = var.name
  resource_group_id = redpanda_resource_group.this[0].id
  serverless_region = var.redpanda_region
  allow_deletion    = true
  tags              = var.tags
}

resource "redpanda_topic" "this" {
  for_each = local.in_kafka ? {} : local.topics

  name            = each.key
  cluster_api_url = redpanda_serverless_cluster.this[0].dataplane_api.url
  partition_count = local.partitions
  allow_deletion  = true
  configuration   = { "retention.ms" = tostring(each.value * local.day_ms) }
}

resource "random_password" "redpanda" {
  count = local.in_kafka ? 0 : 1

  length  = 40
  special = false
  keepers = { rotation = var.secrets_rotation }
}

resource "redpanda_user" "this" {
  count = local.in_kafka ? 0 : 1

  name                = var.name
  cluster_api_url     = redpanda_serverless_cluster.this[0].dataplane_api.url
  mechanism           = "scram-sha-256"
  password_wo         = random_password.redpanda[0].result
  password_wo_version = var.secrets_rotation
  allow_deletion      = true
}

locals {
  # Only what a producer and a consumer of these topics need, and consumer groups, which Dapr names after its bindings.
  grants = local.in_kafka ? {} : merge(
    { for pair in setproduct(keys(local.topics), ["READ", "WRITE", "DESCRIBE"]) : "topic/${pair[0]}/${pair[1]}" => {
      type = "TOPIC", name = pair[0], operation = pair[1]
    } },
    { for operation in ["READ", "DESCRIBE"] : "group/${operation}" => { type = "GROUP", name = "*", operation = operation } },
  )
}

resource "redpanda_acl" "this" {
  for_each = local.grants

  cluster_api_url       = redpanda_serverless_cluster.this[0].dataplane_api.url
  principal             = "User:${redpanda_user.this[0].name}"
  host                  = "*"
  resource_type         = each.value.type
  resource_name         = each.value.name
  resource_pattern_type = "LITERAL"
  operation             = each.value.operation
  permission_type       = "ALLOW"
  allow_deletion        = true
}
