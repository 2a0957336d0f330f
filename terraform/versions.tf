# Required versions. To raise a version, change it here, in the lock file and in main.tf's `versions` together, after a plan shows the consequences.

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
    # tflint-ignore: terraform_unused_required_providers # named here too, or tests could not mock it in the modules
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
    neon = {
      source  = "kislerdm/neon"
      version = "~> 0.15"
    }
    redpanda = {
      source  = "redpanda-data/redpanda"
      version = "~> 2.1"
    }
  }
}
