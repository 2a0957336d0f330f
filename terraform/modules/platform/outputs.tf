output "kafka" {
  description = "How to reach Kafka: bootstrap servers; user and password, both empty for the broker in the cluster, which only the cluster reaches."
  sensitive   = true
  value = {
    bootstrap_servers = local.in_kafka ? "${var.name}-kafka-bootstrap.kafka.svc.cluster.local:9092" : join(",", redpanda_serverless_cluster.this[0].kafka_api.seed_brokers)
    username          = local.in_kafka ? "" : redpanda_user.this[0].name
    password          = local.in_kafka ? "" : random_password.redpanda[0].result
  }

  depends_on = [terraform_data.kafka_ready, redpanda_topic.this, redpanda_acl.this]
}

output "requests" {
  description = "What the platform asks of the nodes: millicores and MiB."
  value = {
    cpu    = sum([for request in local.requests : request.cpu])
    memory = sum([for request in local.requests : request.memory])
  }
}

output "public_service" {
  description = "Name of the Service that the load balancer belongs to; known once there is one."
  value       = kubernetes_service_v1.public.metadata[0].name

  depends_on = [terraform_data.knative_ready]
}
