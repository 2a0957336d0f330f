terraform {
  required_version = ">= 1.11"

  required_providers {
    oci = {
      source  = "oracle/oci"
      version = "~> 8.28"
    }
    helm = {
      source  = "hashicorp/helm"
      version = "~> 3.1"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = "~> 3.2"
    }
  }
}
