variable "namespace" {
  description = "Namespace of everything here; the overlays name it too."
  type        = string
}

variable "tags" {
  description = "Freeform tags of every resource outside the cluster."
  type        = map(string)
}

variable "load_balancer" {
  description = "The load balancer's reserved address, subnet and security group, and the node ports behind it."
  type = object({
    address           = string
    subnet_id         = string
    security_group_id = string
    node_ports        = object({ http = number, https = number })
  })
}

variable "labels" {
  description = "Labels of every object that this module creates in the cluster."
  type        = map(string)
}

variable "kubeconfig" {
  description = "A kubeconfig whose tokens come from the oci command."
  type        = string
}

variable "hostname" {
  description = "Public name of Taskflow."
  type        = string
}

variable "database_url" {
  description = "Connection string of PostgreSQL."
  type        = string
  sensitive   = true
}

variable "kafka" {
  description = "How to reach Kafka; user and password may be empty."
  type        = object({ bootstrap_servers = string, username = string, password = string })
  sensitive   = true
}

variable "gemini_api_key" {
  description = "Key of the Gemini API; null for the offline assistant."
  type        = string
  sensitive   = true
}

variable "smtp_url" {
  description = "Mail server of reminders; null for none."
  type        = string
  sensitive   = true
}

variable "webhook_token" {
  description = "Bearer token of the webhook; null for none."
  type        = string
  sensitive   = true
}

variable "webhook_secret" {
  description = "Key of the webhook's signatures; null for none."
  type        = string
  sensitive   = true
}

variable "settings" {
  description = "Environment variables of every function, without secrets."
  type        = map(string)
}

variable "secrets_rotation" {
  description = "Rotation number; changing it creates new tokens."
  type        = number
}

variable "rollout" {
  description = "Whether to roll out the overlay."
  type        = bool
}

variable "repository" {
  description = "Path of the checkout that holds the overlay."
  type        = string
}

variable "overlay" {
  description = "Path of the overlay in the checkout."
  type        = string
}

variable "image_prefix" {
  description = "Prefix of the images' names, without a slash at the end."
  type        = string
}

variable "image_digests" {
  description = "Digest of each image by its name."
  type        = map(string)
}

variable "plan_group_id" {
  description = "OCID of the group that may read the cluster's objects that a plan refreshes; null for none."
  type        = string
}
