output "vcn_id" {
  description = "OCID of the VCN."
  value       = oci_core_vcn.this.id
}

output "subnet_ids" {
  description = "OCIDs of the subnets by role: api, nodes, lb."
  value       = { for name, subnet in oci_core_subnet.this : name => subnet.id }
}

output "security_group_ids" {
  description = "OCIDs of the security groups by role: api, nodes, lb."
  value       = { for name, group in oci_core_network_security_group.this : name => group.id }

  # Resources that use a group also depend on its rules.
  depends_on = [oci_core_network_security_group_security_rule.this]
}

output "internet_ports" {
  description = "TCP ports on the internet that pods may reach, each with its purpose."
  value       = { for port, why in var.egress_ports : port => oci_core_network_security_group_security_rule.this["nodes-to-internet-${port}"].description }
}

output "public_address" {
  description = "The reserved public IPv4 address."
  value       = oci_core_public_ip.lb.ip_address
}
