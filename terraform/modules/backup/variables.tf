variable "platform" {
  description = "Path of the repository's folder platform/, which lists the charts."
  type        = string
}

variable "compartment_id" {
  description = "OCID of the compartment that holds the bucket."
  type        = string
}

variable "region" {
  description = "Region of the bucket."
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

variable "namespace" {
  description = "Taskflow's namespace."
  type        = string
}

variable "secrets_rotation" {
  description = "Rotation number; changing it creates a new URL."
  type        = number
}
