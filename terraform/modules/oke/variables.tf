variable "tenancy_id" {
  description = "OCID of the tenancy whose capacity and limits are checked."
  type        = string
}

variable "compartment_id" {
  description = "OCID of the compartment that holds cluster, nodes and disks."
  type        = string
}

variable "name" {
  description = "Name of the cluster and prefix of all names."
  type        = string
}

variable "tags" {
  description = "Freeform tags of every resource."
  type        = map(string)
}

variable "vcn_id" {
  description = "OCID of the VCN."
  type        = string
}

variable "subnet_ids" {
  description = "OCIDs of the subnets by role: api, nodes, lb."
  type        = map(string)
}

variable "security_group_ids" {
  description = "OCIDs of the security groups by role: api, nodes."
  type        = map(string)
}

variable "kubernetes_version" {
  description = "Kubernetes version with its patch number, such as 1.35.2."
  type        = string
}

variable "availability_domain" {
  description = "Number of the availability domain that holds nodes and disks, from 1."
  type        = number
}

variable "node_count" {
  description = "Number of nodes."
  type        = number
}

variable "node_ocpus" {
  description = "OCPUs of a node."
  type        = number
}

variable "node_memory_gb" {
  description = "Memory of a node in GB."
  type        = number
}

variable "boot_volume_gb" {
  description = "Size of a node's boot volume in GB."
  type        = number
}

variable "disks" {
  description = "Size in GB of each disk by its name."
  type        = map(number)
}

variable "check_capacity" {
  description = "Whether to check capacity and limits before anything is built; needs the right to read both in the whole tenancy."
  type        = bool
}

variable "encryption_in_transit" {
  description = "Whether nodes encrypt the traffic to their disks; the volumes must use the attachment type that supports it."
  type        = bool
}
