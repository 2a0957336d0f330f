variable "compartment_id" {
  description = "OCID of the compartment that holds the repositories."
  type        = string
}

variable "name" {
  description = "Prefix of the repositories' names."
  type        = string
}

variable "region" {
  description = "Region of the registry."
  type        = string
}

variable "images" {
  description = "Names of the images."
  type        = set(string)
}

variable "tags" {
  description = "Freeform tags of every resource."
  type        = map(string)
}
