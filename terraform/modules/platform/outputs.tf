output "kafka" {
  description = "Bootstrap servers, user and password of Kafka. User and password are empty for the broker in the cluster, which only the cluster reaches."
  sensitive   = true
  value = {
    bootstrap_servers = local.in_kafka ? "taskflow-kafka-bootstrap.kafka.svc.cluster.local:9092" : join(",", redpanda_serverless_cluster.this[0].kafka_api.seed_brokers)
    username          = local.in_kafka ? "" : redpanda_user.this[0].name
    password          = local.in_kafka ? "" : random_password.redpanda[0].result
  }

  depends_on = [terraform_data.ready, redpanda_topic.this, redpanda_acl.this]
}

output "namespaces" {
  description = "Names of the namespaces."
  value       = { for name, namespace in kubernetes_namespace_v1.this : name => namespace.metadata[0].name }
}

output "volumes" {
  description = "Names of the volumes, by disk."
  value       = { for name, volume in kubernetes_persistent_volume_v1.disk : name => volume.metadata[0].name }
}
