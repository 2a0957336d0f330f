variable "compartment_id" {
  description = "OCID of the compartment that holds the network."
  type        = string
}

variable "name" {
  description = "Prefix of all names."
  type        = string
}

variable "tags" {
  description = "Freeform tags of every resource."
  type        = map(string)
}

variable "cidr" {
  description = "Addresses of the VCN; a /16, of which each subnet takes a /24."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "cidr: ${var.cidr} is not a /16 network such as 10.0.0.0/16."
  }
}

variable "operator_cidrs" {
  description = "Addresses from which the Kubernetes API may be reached."
  type        = set(string)
}

variable "egress_ports" {
  description = "TCP ports on the internet that pods may reach, each with its purpose."
  type        = map(string)
}

variable "node_ports" {
  description = "Ports of a node behind the load balancer: http and https."
  type        = object({ http = number, https = number })
}
