# The cluster: free sizes, the newest image, and checks before anything is built.

mock_provider "oci" {
  source          = "./tests/mocks/oci"
  override_during = plan
}

variables {
  tenancy_id          = "ocid1.tenancy.oc1..t"
  compartment_id      = "ocid1.compartment.oc1..c"
  name                = "taskflow"
  tags                = { project = "taskflow" }
  vcn_id              = "ocid1.vcn.oc1..v"
  subnet_ids          = { api = "a", nodes = "n", lb = "l" }
  security_group_ids  = { api = "ga", nodes = "gn", lb = "gl" }
  kubernetes_version  = "1.35.2"
  availability_domain = 2
  node_count          = 1
  node_ocpus          = 2
  node_memory_gb      = 12
  boot_volume_gb      = 50
  disks               = { kafka = 50, postgres = 50 }
  check_capacity      = true

  encryption_in_transit = true
}

run "free" {
  command = plan

  module {
    source = "./modules/oke"
  }

  assert {
    condition     = oci_containerengine_cluster.this.type == "BASIC_CLUSTER"
    error_message = "The control plane is the free one."
  }

  assert {
    condition     = oci_containerengine_node_pool.this.node_shape == "VM.Standard.A1.Flex" && one(oci_containerengine_node_pool.this.node_shape_config).ocpus == 2 && one(oci_containerengine_node_pool.this.node_shape_config).memory_in_gbs == 12
    error_message = "The node has the free shape and the requested size."
  }

  assert {
    condition     = one(oci_containerengine_node_pool.this.node_config_details).size == 1 && one(oci_containerengine_node_pool.this.node_source_details).boot_volume_size_in_gbs == "50"
    error_message = "One node with a boot volume of 50 GB."
  }

  assert {
    condition     = toset([for disk in oci_core_volume.disk : "${disk.size_in_gbs} GB, ${disk.vpus_per_gb} units"]) == toset(["50 GB, 10 units"]) && length(oci_core_volume.disk) == 2
    error_message = "Disks have the smallest size and balanced performance, which are free."
  }

  assert {
    condition     = alltrue([for disk in oci_core_volume.disk : disk.availability_domain == one(one(oci_containerengine_node_pool.this.node_config_details).placement_configs).availability_domain])
    error_message = "Disks are in the nodes' availability domain."
  }

  assert {
    condition     = one(one(oci_containerengine_node_pool.this.node_config_details).placement_configs).availability_domain == "Uocm:EU-FRANKFURT-1-AD-2"
    error_message = "The availability domain has the requested number."
  }

  assert {
    condition     = oci_containerengine_cluster.this.kubernetes_version == "v1.35.2" && oci_containerengine_node_pool.this.kubernetes_version == "v1.35.2"
    error_message = "Control plane and nodes have the pinned patch version."
  }

  assert {
    condition     = one(oci_containerengine_node_pool.this.node_source_details).image_id == "new"
    error_message = "Nodes use the newest arm64 image of that patch; 1.35.20 is another patch."
  }

  assert {
    condition     = one(oci_containerengine_cluster.this.endpoint_config).nsg_ids == toset(["ga"]) && one(oci_containerengine_node_pool.this.node_config_details).nsg_ids == toset(["gn"])
    error_message = "Kubernetes API and nodes are behind their security groups."
  }

  assert {
    condition     = one(oci_containerengine_node_pool.this.node_config_details).is_pv_encryption_in_transit_enabled
    error_message = "Nodes encrypt the traffic to their disks."
  }

  assert {
    condition     = strcontains(base64decode(oci_containerengine_node_pool.this.node_metadata["user_data"]), "oci-growfs") && strcontains(base64decode(oci_containerengine_node_pool.this.node_metadata["user_data"]), "oke-init.sh")
    error_message = "A node runs OKE's start script, and uses its whole boot volume."
  }

  assert {
    condition     = oci_containerengine_node_pool.this.node_metadata["areLegacyImdsEndpointsDisabled"] == "true"
    error_message = "The legacy metadata service, which answers any pod, is off."
  }

  assert {
    condition = alltrue([for tags in concat(
      [for disk in oci_core_volume.disk : disk.freeform_tags],
      [
        oci_containerengine_cluster.this.freeform_tags, oci_containerengine_node_pool.this.freeform_tags,
        one(oci_containerengine_node_pool.this.node_config_details).freeform_tags,
        one(one(oci_containerengine_cluster.this.options).service_lb_config).freeform_tags,
        one(one(oci_containerengine_cluster.this.options).persistent_volume_config).freeform_tags,
      ],
    ) : tags == tomap({ project = "taskflow" })])
    error_message = "Cluster, nodes, disks and the resources that the cluster creates are tagged."
  }
}

run "no_room" {
  command = plan

  module {
    source = "./modules/oke"
  }

  override_resource {
    target          = oci_core_compute_capacity_report.nodes
    override_during = plan
    values = {
      shape_availabilities = {
        availability_status = "OUT_OF_HOST_CAPACITY"
      }
    }
  }

  expect_failures = [oci_core_compute_capacity_report.nodes]
}

run "limit_too_low" {
  command = plan

  module {
    source = "./modules/oke"
  }

  override_data {
    target = data.oci_limits_resource_availability.nodes["standard-a1-core-count"]
    values = {
      available = "0"
      used      = "1"
    }
  }

  expect_failures = [data.oci_limits_resource_availability.nodes]
}

run "no_such_kubernetes" {
  command = plan

  module {
    source = "./modules/oke"
  }

  variables {
    kubernetes_version = "1.29.1"
  }

  expect_failures = [data.oci_containerengine_cluster_option.this]
}

run "no_image_for_it" {
  command = plan

  module {
    source = "./modules/oke"
  }

  override_data {
    target = data.oci_containerengine_node_pool_option.this
    values = { sources = [] }
  }

  expect_failures = [oci_containerengine_cluster.this]
}

run "no_third_domain" {
  command = plan

  module {
    source = "./modules/oke"
  }

  variables {
    availability_domain = 3
  }

  override_data {
    target = data.oci_identity_availability_domains.all
    values = {
      availability_domains = [
        { compartment_id = "c", id = "1", name = "AD-1" },
        { compartment_id = "c", id = "2", name = "AD-2" },
      ]
    }
  }

  expect_failures = [data.oci_identity_availability_domains.all]
}

run "without_the_right_to_ask" {
  command = plan

  module {
    source = "./modules/oke"
  }

  variables {
    check_capacity = false
  }

  assert {
    condition     = length(oci_core_compute_capacity_report.nodes) == 0 && length(data.oci_limits_resource_availability.nodes) == 0
    error_message = "The plan checks no capacity and no limits."
  }
}
