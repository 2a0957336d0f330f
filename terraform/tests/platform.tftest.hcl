# What runs in the cluster before Taskflow does.

mock_provider "helm" {}
mock_provider "kubernetes" {}
mock_provider "random" {}

mock_provider "redpanda" {
  source          = "./tests/mocks/redpanda"
  override_during = plan
}

variables {
  name             = "taskflow"
  tags             = { project = "taskflow" }
  labels           = { "app.kubernetes.io/part-of" = "taskflow" }
  kubeconfig       = "none"
  disks            = { scheduler = { id = "ocid1.volume.s", size_gb = 50 }, kafka = { id = "ocid1.volume.k", size_gb = 50 } }
  hostname         = "tasks.example.org"
  acme_email       = null
  acme_server      = "https://acme.example.org/directory"
  kafka            = "strimzi"
  redpanda_region  = "eu-central-1"
  secrets_rotation = 1

  load_balancer = {
    address           = "203.0.113.10"
    subnet_id         = "ocid1.subnet.lb"
    security_group_id = "ocid1.networksecuritygroup.lb"
    node_ports        = { http = 30080, https = 30443 }
  }

  versions = {
    cert_manager     = "1.21.2"
    knative_operator = "1.23.0"
    knative_serving  = "1.23"
    dapr             = "1.18.2"
    strimzi          = "1.0.1"
    kafka            = "4.1.2"
  }
}

run "strimzi" {
  command = plan

  module {
    source = "./modules/platform"
  }

  assert {
    condition     = output.requests.cpu <= 1000 && output.requests.memory <= 4096
    error_message = "The platform leaves half of a free node's 2 processors, and two thirds of its memory, to Oracle's own pods and to Taskflow."
  }

  assert {
    condition     = kubernetes_service_v1.public.spec[0].load_balancer_ip == "203.0.113.10" && kubernetes_service_v1.public.metadata[0].annotations["oci.oraclecloud.com/load-balancer-type"] == "nlb"
    error_message = "The load balancer is the free kind, on the reserved address."
  }

  assert {
    condition     = toset(kubernetes_service_v1.public.spec[0].port[*].port) == toset([80, 443]) && toset(kubernetes_service_v1.public.spec[0].port[*].node_port) == toset([30080, 30443])
    error_message = "It listens on 80 and 443 only, and uses the node ports that the security groups know."
  }

  assert {
    condition     = jsondecode(kubernetes_service_v1.public.metadata[0].annotations["oci-network-load-balancer.oraclecloud.com/initial-freeform-tags-override"]) == { project = "taskflow" }
    error_message = "The load balancer is tagged."
  }

  assert {
    condition     = kubernetes_service_v1.public.metadata[0].annotations["oci-network-load-balancer.oraclecloud.com/oci-network-security-groups"] == "ocid1.networksecuritygroup.lb" && kubernetes_service_v1.public.metadata[0].annotations["oci.oraclecloud.com/security-rule-management-mode"] == "None"
    error_message = "Its security group is ours, and nobody else writes rules."
  }

  assert {
    condition     = yamldecode(helm_release.knative_serving.values[0]).manifests[0].spec.ingress.kourier["service-type"] == "ClusterIP"
    error_message = "Kourier makes no load balancer of its own."
  }

  assert {
    condition = alltrue([for key, value in { external-domain-tls = "Enabled", http-protocol = "Redirected" } :
    yamldecode(helm_release.knative_serving.values[0]).manifests[0].spec.config.network[key] == value])
    error_message = "The public URL is https only."
  }

  assert {
    condition     = alltrue([for disk in kubernetes_persistent_volume_v1.disk : disk.spec[0].persistent_volume_reclaim_policy == "Retain"]) && length(kubernetes_persistent_volume_v1.disk) == 2
    error_message = "Disks are Terraform's to remove, not the cluster's."
  }

  assert {
    condition     = yamldecode(helm_release.dapr.values[0]).dapr_scheduler.cluster.storageClassName == kubernetes_persistent_volume_v1.disk["scheduler"].spec[0].storage_class_name
    error_message = "The scheduler claims its disk."
  }

  assert {
    condition     = helm_release.dapr.postrender.binary_path == "sed" && contains(helm_release.dapr.postrender.args, "s/^  replicas: 3$/  replicas: 1/")
    error_message = "There is one scheduler."
  }

  assert {
    condition     = one([for manifest in yamldecode(helm_release.kafka[0].values[0]).manifests : manifest.spec.storage.class if manifest.kind == "KafkaNodePool"]) == kubernetes_persistent_volume_v1.disk["kafka"].spec[0].storage_class_name
    error_message = "The broker claims its disk."
  }

  assert {
    condition = toset([for manifest in yamldecode(helm_release.kafka[0].values[0]).manifests : "${manifest.metadata.name} ${manifest.spec.partitions} ${manifest.spec.replicas}" if manifest.kind == "KafkaTopic"]) == toset([
      "task-events 3 1", "reminders 3 1", "task-updates 3 1", "task-commands 3 1", "dead-letters 3 1",
    ])
    error_message = "Every topic is there, with three partitions."
  }

  assert {
    condition = alltrue([for manifest in yamldecode(helm_release.kafka[0].values[0]).manifests :
    alltrue([for listener in manifest.spec.kafka.listeners : listener.type == "internal"]) if manifest.kind == "Kafka"])
    error_message = "Kafka is reached inside the cluster only."
  }

  assert {
    condition     = alltrue([for release in [helm_release.knative_operator, helm_release.cert_manager, helm_release.dapr, helm_release.strimzi[0]] : can(regex("^v?[0-9]+\\.[0-9]+\\.[0-9]+$", release.version))])
    error_message = "Every chart's version is pinned."
  }

  assert {
    condition     = length(redpanda_serverless_cluster.this) == 0 && length(redpanda_topic.this) == 0
    error_message = "Nothing of Redpanda's is there to be billed."
  }

  assert {
    condition     = output.kafka.bootstrap_servers == "taskflow-kafka-bootstrap.kafka.svc.cluster.local:9092" && output.kafka.username == ""
    error_message = "The broker is reached by its name in the cluster."
  }
}

run "redpanda" {
  command = plan

  module {
    source = "./modules/platform"
  }

  variables {
    kafka = "redpanda"
    disks = { scheduler = { id = "ocid1.volume.s", size_gb = 50 } }
  }

  assert {
    condition     = length(helm_release.strimzi) == 0 && length(helm_release.kafka) == 0 && length(terraform_data.kafka_ready) == 0
    error_message = "There is no broker in the cluster."
  }

  assert {
    condition     = toset([for name, topic in redpanda_topic.this : "${name} ${topic.partition_count}"]) == toset(["task-events 3", "reminders 3", "task-updates 3", "task-commands 3", "dead-letters 3"])
    error_message = "Every topic is there, with three partitions."
  }

  assert {
    condition     = alltrue([for topic in redpanda_topic.this : topic.allow_deletion]) && redpanda_serverless_cluster.this[0].allow_deletion
    error_message = "A destroy takes topics and cluster along; topics that stay are billed."
  }

  assert {
    condition     = redpanda_user.this[0].mechanism == "scram-sha-256"
    error_message = "The user signs in by SCRAM-SHA-256, as Dapr's component does."
  }

  assert {
    condition     = toset([for acl in redpanda_acl.this : acl.operation]) == toset(["READ", "WRITE", "DESCRIBE"]) && toset([for acl in redpanda_acl.this : acl.resource_name if acl.resource_type == "TOPIC"]) == toset(keys(redpanda_topic.this))
    error_message = "The user may read and write the topics, and nothing else."
  }

  assert {
    condition     = output.kafka.bootstrap_servers == "seed.example.fmc.prd.cloud.redpanda.com:9092" && output.kafka.username == "taskflow"
    error_message = "The brokers are Redpanda's."
  }
}
