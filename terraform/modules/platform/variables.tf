variable "platform" {
  description = "Path of the repository's folder platform/, which lists the charts."
  type        = string
}

variable "name" {
  description = "Prefix of all names outside the cluster."
  type        = string
}

variable "tags" {
  description = "Freeform tags of every resource outside the cluster."
  type        = map(string)
}

variable "labels" {
  description = "Labels of every object that this module creates in the cluster."
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

variable "encryption_in_transit" {
  description = "Whether nodes encrypt the traffic to their disks."
  type        = bool
}

variable "namespaces" {
  description = "Namespaces of platform/namespaces.yaml to create besides those of the releases."
  type        = list(string)
}

variable "kafka" {
  description = "strimzi or redpanda."
  type        = string
}

variable "kafka_partitions" {
  description = "Partitions of each topic."
  type        = number
}

variable "redpanda_region" {
  description = "Region of Redpanda Serverless."
  type        = string
}

variable "redpanda_regions" {
  description = "Regions that Redpanda Serverless offers; empty if they are unknown."
  type        = list(string)
}

variable "secrets_rotation" {
  description = "Rotation number; changing it creates new passwords."
  type        = number
}
