# The releases of platform/, which run in the cluster before Taskflow, on the disks of Oracle Cloud.

mock_provider "helm" {}
mock_provider "kubernetes" {}
mock_provider "random" {}

mock_provider "redpanda" {
  source          = "./tests/mocks/redpanda"
  override_during = plan
}

variables {
  platform         = "../platform"
  name             = "taskflow"
  tags             = { project = "taskflow" }
  labels           = { "app.kubernetes.io/part-of" = "taskflow" }
  kubeconfig       = "none"
  disks            = { kafka = { id = "ocid1.volume.k", size_gb = 50 }, postgres = { id = "ocid1.volume.p", size_gb = 50 } }
  namespaces       = ["taskflow", "postgres"]
  kafka            = "strimzi"
  kafka_partitions = 6
  redpanda_region  = "eu-central-1"
  redpanda_regions = ["eu-central-1", "pro-us-east-1"]
  secrets_rotation = 1

  encryption_in_transit = true
}

run "strimzi" {
  command = plan

  module {
    source = "./modules/platform"
  }

  assert {
    condition     = toset(keys(merge(helm_release.operator, helm_release.part))) == toset(["knative-operator", "knative-serving", "dapr", "strimzi", "kafka"])
    error_message = "Every release of charts.json that belongs to the platform is installed."
  }

  assert {
    condition     = alltrue([for release in helm_release.operator : can(regex("^v?[0-9]+\\.[0-9]+\\.[0-9]+$", release.version))])
    error_message = "Every chart's version is pinned."
  }

  assert {
    condition     = toset(keys(kubernetes_namespace_v1.this)) == toset(["knative-operator", "knative-serving", "dapr-system", "kafka", "postgres", "taskflow"])
    error_message = "Every namespace that a release names is created."
  }

  assert {
    condition     = kubernetes_namespace_v1.this["postgres"].metadata[0].labels["pod-security.kubernetes.io/enforce"] == "restricted"
    error_message = "A namespace has the labels of namespaces.yaml."
  }

  assert {
    condition     = alltrue([for disk in kubernetes_persistent_volume_v1.disk : disk.spec[0].persistent_volume_reclaim_policy == "Retain"]) && length(kubernetes_persistent_volume_v1.disk) == 2
    error_message = "Terraform deletes the disks, not the cluster."
  }

  assert {
    condition     = alltrue([for disk in kubernetes_persistent_volume_v1.disk : disk.spec[0].persistent_volume_source[0].csi[0].volume_attributes["attachment-type"] == "paravirtualized"])
    error_message = "Volumes declare the paravirtualized attachment, because a node that encrypts in transit refuses any other."
  }

  assert {
    condition = alltrue([for name in ["kafka", "postgres"] : (
      yamldecode(file("../platform/oke/${name}.yaml")).storage.class == kubernetes_persistent_volume_v1.disk[name].spec[0].storage_class_name
      && yamldecode(file("../platform/oke/${name}.yaml")).storage.size == kubernetes_persistent_volume_v1.disk[name].spec[0].capacity.storage
    )])
    error_message = "Kafka and PostgreSQL claim their disks."
  }

  assert {
    condition     = contains(helm_release.part["kafka"].values, file("../platform/oke/kafka.yaml")) && contains(helm_release.part["kafka"].values, yamlencode({ partitions = 6 })) && contains(helm_release.operator["dapr"].values, file("../platform/values/dapr.yaml"))
    error_message = "A release has the values of platform/."
  }

  assert {
    condition     = alltrue([for release in helm_release.part : can(regex("^[0-9a-f]{64}$", yamldecode(release.values[length(release.values) - 1]).sources))])
    error_message = "A change of a chart's file changes the plan."
  }

  assert {
    condition     = endswith(helm_release.operator["dapr"].postrender.binary_path, "/one-scheduler.sh") && length([for release in helm_release.operator : release if release.postrender != null]) == 1
    error_message = "There is one scheduler."
  }

  assert {
    condition     = length(redpanda_serverless_cluster.this) == 0 && length(redpanda_topic.this) == 0
    error_message = "There are no Redpanda resources, which would be billed."
  }

  assert {
    condition     = output.kafka.bootstrap_servers == "taskflow-kafka-bootstrap.kafka.svc.cluster.local:9092" && output.kafka.username == ""
    error_message = "The broker is reached by its name in the cluster."
  }
}

run "without_encryption" {
  command = plan

  module {
    source = "./modules/platform"
  }

  variables {
    encryption_in_transit = false
  }

  assert {
    condition     = alltrue([for disk in kubernetes_persistent_volume_v1.disk : disk.spec[0].persistent_volume_source[0].csi[0].volume_attributes["attachment-type"] == "iscsi"])
    error_message = "The attachment type depends on the encryption."
  }
}

run "redpanda" {
  command = plan

  module {
    source = "./modules/platform"
  }

  variables {
    kafka = "redpanda"
    disks = {}
  }

  assert {
    condition     = toset(keys(merge(helm_release.operator, helm_release.part))) == toset(["knative-operator", "knative-serving", "dapr"]) && keys(terraform_data.ready) == ["knative-serving"]
    error_message = "There is no broker in the cluster."
  }

  assert {
    condition     = toset([for name, topic in redpanda_topic.this : "${name} ${topic.partition_count}"]) == toset([for name in keys(yamldecode(file("../platform/kafka/values.yaml")).topics) : "${name} 6"])
    error_message = "The topics and their partitions are the same as in the cluster's broker."
  }

  assert {
    condition     = alltrue([for topic in redpanda_topic.this : topic.allow_deletion]) && redpanda_serverless_cluster.this[0].allow_deletion
    error_message = "A destroy deletes topics and cluster; remaining topics would be billed."
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

run "a_region_by_its_whole_name" {
  command = plan

  module {
    source = "./modules/platform"
  }

  variables {
    kafka           = "redpanda"
    disks           = {}
    redpanda_region = "pro-us-east-1"
  }

  assert {
    condition     = redpanda_serverless_cluster.this[0].serverless_region == "pro-us-east-1"
    error_message = "Redpanda's list of regions decides, not the form of the name."
  }
}

run "a_region_that_redpanda_has_not" {
  command = plan

  module {
    source = "./modules/platform"
  }

  variables {
    kafka           = "redpanda"
    disks           = {}
    redpanda_region = "eu-frankfurt-1"
  }

  expect_failures = [redpanda_serverless_cluster.this]
}
