variable "tenancy_id" {
  description = "OCID of the tenancy."
  type        = string

  validation {
    condition     = startswith(var.tenancy_id, "ocid1.tenancy.")
    error_message = "tenancy_id: must be an OCID that begins with ocid1.tenancy."
  }
}

variable "compartment_id" {
  description = "OCID of the deployment's compartment; the tenancy's OCID for the root."
  type        = string

  validation {
    condition     = can(regex("^ocid1\\.(compartment|tenancy)\\.", var.compartment_id))
    error_message = "compartment_id: must be an OCID that begins with ocid1.compartment. or ocid1.tenancy."
  }
}

variable "region" {
  description = "Home region, because groups and policies can be changed only there."
  type        = string
}

variable "name" {
  description = "Prefix of all names, as in the deployment."
  type        = string
  default     = "taskflow"
}
