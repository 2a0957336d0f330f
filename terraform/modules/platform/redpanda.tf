# Redpanda Serverless, which replaces Kafka in the cluster. Billed by the hour while it has topics.

locals {
  kafka  = yamldecode(file("${var.platform}/kafka/values.yaml"))
  day_ms = 24 * 60 * 60 * 1000
}

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

  lifecycle {
    precondition {
      condition     = length(var.redpanda_regions) == 0 || contains(var.redpanda_regions, var.redpanda_region)
      error_message = "redpanda_region: Redpanda Serverless has no region ${var.redpanda_region}; it has ${join(", ", var.redpanda_regions)}."
    }
  }
}

resource "redpanda_topic" "this" {
  for_each = local.in_kafka ? {} : local.kafka.topics

  name            = each.key
  cluster_api_url = redpanda_serverless_cluster.this[0].dataplane_api.url
  partition_count = var.kafka_partitions
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
  # Only the rights that a producer and a consumer of these topics need. Dapr names consumer groups after its bindings, so all groups are allowed.
  grants = local.in_kafka ? {} : merge(
    { for pair in setproduct(keys(local.kafka.topics), ["READ", "WRITE", "DESCRIBE"]) : "topic/${pair[0]}/${pair[1]}" => {
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
