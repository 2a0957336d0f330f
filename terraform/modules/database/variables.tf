variable "name" {
  description = "Prefix of all names."
  type        = string
}

variable "labels" {
  description = "Labels of every object in the cluster that is made here."
  type        = map(string)
}

variable "database" {
  description = "cluster or neon."
  type        = string
}

variable "disk" {
  description = "OCID and size in GB of the disk of the server in the cluster; null with Neon."
  type        = object({ id = string, size_gb = number })
}

variable "image" {
  description = "Image of the server in the cluster, with its version."
  type        = string
}

variable "requests" {
  description = "What the server in the cluster asks of its node: millicores and MiB."
  type        = object({ cpu = number, memory = number })
}

variable "neon_org_id" {
  description = "Neon's organisation, for accounts that have one."
  type        = string
}

variable "neon_region" {
  description = "Neon's region."
  type        = string
}
