variable "platform" {
  description = "Path of the folder that says what is installed: platform/ of the repository."
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
  description = "Labels of every object in the cluster that is made here."
  type        = map(string)
}

variable "namespace" {
  description = "Taskflow's namespace."
  type        = string
}

variable "secrets_rotation" {
  description = "A number; another one makes a new URL."
  type        = number
}
