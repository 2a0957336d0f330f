variable "name" {
  description = "Prefix of all names; also the Kafka cluster's name."
  type        = string
}

variable "tags" {
  description = "Freeform tags of every resource outside the cluster."
  type        = map(string)
}

variable "labels" {
  description = "Labels of every object in the cluster that is made here."
  type        = map(string)
}

variable "kubeconfig" {
  description = "A kubeconfig whose tokens come from the oci command."
  type        = string
}

variable "disks" {
  description = "OCID and size in GB of each disk by its name."
  type        = map(object({ id = string, size_gb = number }))
}

variable "hostname" {
  description = "Name under which Taskflow is reached; public functions have names below it."
  type        = string
}

variable "load_balancer" {
  description = "Where the load balancer stands: its reserved address, subnet, security group, and the node ports behind it."
  type = object({
    address           = string
    subnet_id         = string
    security_group_id = string
    node_ports        = object({ http = number, https = number })
  })
}

variable "acme_email" {
  description = "Address that the certificate authority may write to; null for none."
  type        = string
}

variable "acme_server" {
  description = "Directory of the certificate authority."
  type        = string
}

variable "kafka" {
  description = "strimzi or redpanda."
  type        = string
}

variable "redpanda_region" {
  description = "Region of Redpanda Serverless."
  type        = string
}

variable "secrets_rotation" {
  description = "A number; another one makes new passwords."
  type        = number
}

variable "versions" {
  description = "Version of each part."
  type = object({
    cert_manager     = string
    knative_operator = string
    knative_serving  = string
    dapr             = string
    strimzi          = string
    kafka            = string
  })
}
