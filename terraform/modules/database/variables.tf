variable "platform" {
  description = "Path of the folder that says what is installed: platform/ of the repository."
  type        = string
}

variable "name" {
  description = "Name of the Neon project."
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

variable "namespace" {
  description = "Namespace of the server in the cluster; null with Neon."
  type        = string
}

variable "neon_org_id" {
  description = "Neon's organisation, for accounts that have one."
  type        = string
}

variable "neon_region" {
  description = "Neon's region."
  type        = string
}
