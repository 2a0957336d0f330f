variable "platform" {
  description = "Path of the repository's folder platform/, which lists the charts."
  type        = string
}

variable "name" {
  description = "Name of the Neon project."
  type        = string
}

variable "labels" {
  description = "Labels of every object that this module creates in the cluster."
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
