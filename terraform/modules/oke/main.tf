# The cluster: OKE's free control plane, one pool of arm64 nodes, and the disks that outlive pods.

locals {
  shape               = "VM.Standard.A1.Flex"
  availability_domain = data.oci_identity_availability_domains.all.availability_domains[var.availability_domain - 1].name

  # Named Oracle-Linux-8.10-aarch64-2026.06.15-0-OKE-1.35.2-1505: the name sorts by date.
  images = {
    for source in data.oci_containerengine_node_pool_option.this.sources : source.source_name => source.image_id
    if can(regex("^Oracle-Linux-8\\.\\d+-aarch64-.*-OKE-${replace(var.kubernetes_version, ".", "\\.")}-", source.source_name))
  }
  image_id = try(local.images[reverse(sort(keys(local.images)))[0]], null)
}

data "oci_identity_availability_domains" "all" {
  compartment_id = var.compartment_id

  lifecycle {
    postcondition {
      condition     = length(self.availability_domains) >= var.availability_domain
      error_message = "availability_domain: the region has ${length(self.availability_domains)} only; set a lower number than ${var.availability_domain}."
    }
  }
}

data "oci_containerengine_cluster_option" "this" {
  cluster_option_id = "all"
  compartment_id    = var.compartment_id

  lifecycle {
    postcondition {
      condition     = contains(self.kubernetes_versions, "v${var.kubernetes_version}")
      error_message = "kubernetes_version: OKE has no ${var.kubernetes_version} here; it offers ${join(", ", self.kubernetes_versions)}."
    }
  }
}

# Checked before the control plane is upgraded, because a control plane cannot be downgraded, and nodes of this patch need an image of it.
data "oci_containerengine_node_pool_option" "this" {
  node_pool_option_id = "all"
  compartment_id      = var.compartment_id
}

# Checked before anything is built, because a pool without capacity fails only after a long time, with "Out of host capacity". The result stays in the
# state, because a new check would count the existing nodes against the capacity; to check again, use -replace.
resource "oci_core_compute_capacity_report" "nodes" {
  count = var.check_capacity ? 1 : 0

  compartment_id      = var.tenancy_id # reports are per tenancy
  availability_domain = local.availability_domain

  shape_availabilities {
    instance_shape = local.shape

    instance_shape_config {
      ocpus         = var.node_ocpus
      memory_in_gbs = var.node_memory_gb
    }
  }

  lifecycle {
    postcondition {
      condition     = self.shape_availabilities[0].availability_status == "AVAILABLE"
      error_message = "${local.availability_domain} has no room for ${local.shape} with ${var.node_ocpus} OCPU and ${var.node_memory_gb} GB now (${self.shape_availabilities[0].availability_status}). Set another availability_domain (1 to ${length(data.oci_identity_availability_domains.all.availability_domains)}), or smaller nodes, or ask again later with `terraform apply -replace='module.oke.oci_core_compute_capacity_report.nodes[0]'` (and the same -var-file); accounts that are upgraded to pay-as-you-go are served first and still pay nothing inside the free allowance."
    }
  }
}

data "oci_limits_resource_availability" "nodes" {
  for_each = var.check_capacity ? {
    standard-a1-core-count   = { wanted = var.node_count * var.node_ocpus, unit = "OCPU" }
    standard-a1-memory-count = { wanted = var.node_count * var.node_memory_gb, unit = "GB of memory" }
  } : {}

  compartment_id      = var.tenancy_id
  service_name        = "compute"
  limit_name          = each.key
  availability_domain = local.availability_domain

  lifecycle {
    postcondition {
      condition     = tonumber(coalesce(self.available, "0")) + tonumber(coalesce(self.used, "0")) >= each.value.wanted
      error_message = "The tenancy may use ${tonumber(coalesce(self.available, "0")) + tonumber(coalesce(self.used, "0"))} ${each.value.unit} of ${local.shape} in ${local.availability_domain}, and ${each.value.wanted} are needed: lower node_count or the node's size, set another availability_domain, or ask for a higher limit (${each.key}) in the console."
    }
  }
}

resource "oci_containerengine_cluster" "this" {
  #checkov:skip=CKV2_OCI_6:pod security policies are gone since Kubernetes 1.25; namespaces carry pod security labels instead
  compartment_id     = var.compartment_id
  vcn_id             = var.vcn_id
  name               = var.name
  type               = "BASIC_CLUSTER" # free; an enhanced one is billed by the hour
  kubernetes_version = "v${var.kubernetes_version}"
  freeform_tags      = var.tags

  # An overlay network, because with pods in the VCN a node of this size has addresses for only 31 pods.
  cluster_pod_network_options {
    cni_type = "FLANNEL_OVERLAY"
  }

  endpoint_config {
    is_public_ip_enabled = true # its security group only allows operator_cidrs
    subnet_id            = var.subnet_ids["api"]
    nsg_ids              = [var.security_group_ids["api"]]
  }

  options {
    service_lb_subnet_ids = [var.subnet_ids["lb"]]

    kubernetes_network_config {
      pods_cidr     = "10.244.0.0/16"
      services_cidr = "10.96.0.0/16"
    }

    # Tags the resources that the cluster creates itself.
    persistent_volume_config {
      freeform_tags = var.tags
    }

    service_lb_config {
      freeform_tags = var.tags
    }
  }

  lifecycle {
    precondition {
      condition     = local.image_id != null
      error_message = "OKE offers no Oracle Linux 8 image for arm64 and Kubernetes ${var.kubernetes_version}: set kubernetes_version to another of ${join(", ", data.oci_containerengine_cluster_option.this.kubernetes_versions)}."
    }
  }
}

resource "oci_containerengine_node_pool" "this" {
  compartment_id     = var.compartment_id
  cluster_id         = oci_containerengine_cluster.this.id
  name               = var.name
  kubernetes_version = "v${var.kubernetes_version}"
  node_shape         = local.shape
  freeform_tags      = var.tags

  node_shape_config {
    ocpus         = var.node_ocpus
    memory_in_gbs = var.node_memory_gb
  }

  node_source_details {
    source_type             = "IMAGE"
    image_id                = local.image_id
    boot_volume_size_in_gbs = var.boot_volume_gb
  }

  node_metadata = {
    areLegacyImdsEndpointsDisabled = "true"
    user_data                      = filebase64("${path.module}/node.sh")
  }

  # All nodes are where the disks are, because a disk can only be attached within its availability domain.
  node_config_details {
    size                                = var.node_count
    nsg_ids                             = [var.security_group_ids["nodes"]]
    is_pv_encryption_in_transit_enabled = var.encryption_in_transit
    freeform_tags                       = var.tags

    placement_configs {
      availability_domain = local.availability_domain
      subnet_id           = var.subnet_ids["nodes"]
    }
  }

  # Evicts a pod that does not stop, so that it cannot block the node, and with it a destroy, forever.
  node_eviction_node_pool_settings {
    eviction_grace_duration              = "PT10M"
    is_force_delete_after_grace_duration = true
  }

  # Destroyed after the nodes, because an attached disk cannot be destroyed.
  depends_on = [oci_core_compute_capacity_report.nodes, data.oci_limits_resource_availability.nodes, oci_core_volume.disk]
}

# Disks are Terraform resources, not claims that the cluster fulfils. So the plan shows them, their sum can be checked against the free allowance, and
# a destroy removes them.
resource "oci_core_volume" "disk" {
  #checkov:skip=CKV_OCI_2:the database is backed up by pg_dump, away from the disk (docs/runbook.md); the other disk's data is recreated from it
  #checkov:skip=CKV_OCI_3:encrypted with Oracle's key; a customer-managed key needs a vault, which takes a week to delete
  for_each = var.disks

  compartment_id      = var.compartment_id
  availability_domain = local.availability_domain
  display_name        = "${var.name}-${each.key}"
  size_in_gbs         = each.value
  vpus_per_gb         = 10 # balanced; more is billed
  freeform_tags       = var.tags
}

data "oci_containerengine_cluster_kube_config" "this" {
  cluster_id    = oci_containerengine_cluster.this.id
  endpoint      = "PUBLIC_ENDPOINT"
  token_version = "2.0.0"
}
