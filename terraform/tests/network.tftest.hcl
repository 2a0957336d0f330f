# The allowed connections.

mock_provider "oci" {
  source          = "./tests/mocks/oci"
  override_during = plan
}

variables {
  compartment_id = "ocid1.compartment.oc1..c"
  name           = "taskflow"
  tags           = { project = "taskflow" }
  operator_cidrs = ["198.51.100.7/32"]
  egress_ports   = { "443" = "images" }
  node_ports     = { http = 30080, https = 30443 }
}

run "exposure" {
  command = plan

  module {
    source = "./modules/network"
  }

  assert {
    condition = toset([
      for name, rule in oci_core_network_security_group_security_rule.this : name if rule.source == "0.0.0.0/0"
    ]) == toset(["lb-from-internet-http", "lb-from-internet-https"])
    error_message = "Only the load balancer accepts connections from the internet."
  }

  assert {
    condition = toset([
      for name, rule in oci_core_network_security_group_security_rule.this : one(one(rule.tcp_options).destination_port_range).min if rule.source == "0.0.0.0/0"
    ]) == toset([80, 443])
    error_message = "The internet reaches 80 and 443 only."
  }

  assert {
    condition = alltrue([
      for name, rule in oci_core_network_security_group_security_rule.this :
      rule.direction == "EGRESS" && one(one(rule.tcp_options).destination_port_range).max == 443 if rule.destination == "0.0.0.0/0"
    ])
    error_message = "Pods reach the internet on the ports of egress_ports only."
  }

  assert {
    condition     = oci_core_network_security_group_security_rule.this["api-from-198.51.100.7/32"].source == "198.51.100.7/32"
    error_message = "The operator reaches the Kubernetes API."
  }

  assert {
    condition = alltrue([
      for name, rule in oci_core_network_security_group_security_rule.this :
      contains(["NETWORK_SECURITY_GROUP", "SERVICE_CIDR_BLOCK"], rule.direction == "INGRESS" ? rule.source_type : rule.destination_type)
      || contains(["0.0.0.0/0", "198.51.100.7/32", "10.0.0.0/16"], rule.direction == "INGRESS" ? rule.source : rule.destination)
    ])
    error_message = "All other rules are between security groups."
  }

  assert {
    condition     = oci_core_subnet.this["nodes"].prohibit_public_ip_on_vnic && oci_core_subnet.this["nodes"].prohibit_internet_ingress
    error_message = "Nodes have no public address."
  }

  assert {
    condition     = length(oci_core_default_security_list.empty.ingress_security_rules) == 0 && length(oci_core_default_security_list.empty.egress_security_rules) == 0
    error_message = "The VCN's default security list, which allows SSH, is empty."
  }

  assert {
    condition = alltrue([for resource in concat(
      values(oci_core_subnet.this), values(oci_core_network_security_group.this),
      [
        oci_core_vcn.this, oci_core_internet_gateway.this, oci_core_nat_gateway.this, oci_core_service_gateway.this, oci_core_route_table.public,
        oci_core_route_table.private, oci_core_default_security_list.empty, oci_core_public_ip.lb,
      ],
    ) : resource.freeform_tags == tomap({ project = "taskflow" })])
    error_message = "Everything is tagged."
  }

  assert {
    condition     = oci_core_public_ip.lb.lifetime == "RESERVED"
    error_message = "The address survives the load balancer."
  }
}

run "not_a_network" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    cidr = "10.0.0.0/24"
  }

  expect_failures = [var.cidr]
}
