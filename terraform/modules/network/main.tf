# The network: one VCN; a public subnet for the load balancer, one for the Kubernetes API, and a private one for the nodes. Only security groups allow
# connections: the subnets' security list is empty.

locals {
  subnets = {
    api   = cidrsubnet(var.cidr, 8, 0)
    nodes = cidrsubnet(var.cidr, 8, 1)
    lb    = cidrsubnet(var.cidr, 8, 2)
  }
  anywhere = "0.0.0.0/0"
}

resource "oci_core_vcn" "this" {
  compartment_id = var.compartment_id
  display_name   = var.name
  dns_label      = substr(replace(var.name, "-", ""), 0, 15)
  cidr_blocks    = [var.cidr]
  freeform_tags  = var.tags
}

resource "oci_core_internet_gateway" "this" {
  compartment_id = var.compartment_id
  vcn_id         = oci_core_vcn.this.id
  display_name   = var.name
  freeform_tags  = var.tags
}

resource "oci_core_nat_gateway" "this" {
  compartment_id = var.compartment_id
  vcn_id         = oci_core_vcn.this.id
  display_name   = var.name
  freeform_tags  = var.tags
}

data "oci_core_services" "all" {
  filter {
    name   = "name"
    values = ["All .* Services In Oracle Services Network"]
    regex  = true
  }
}

# Oracle's own services, including the Kubernetes control plane, without the internet in between.
resource "oci_core_service_gateway" "this" {
  compartment_id = var.compartment_id
  vcn_id         = oci_core_vcn.this.id
  display_name   = var.name
  freeform_tags  = var.tags

  services {
    service_id = data.oci_core_services.all.services[0].id
  }
}

resource "oci_core_route_table" "public" {
  compartment_id = var.compartment_id
  vcn_id         = oci_core_vcn.this.id
  display_name   = "${var.name}-public"
  freeform_tags  = var.tags

  route_rules {
    description       = "the internet"
    destination       = local.anywhere
    destination_type  = "CIDR_BLOCK"
    network_entity_id = oci_core_internet_gateway.this.id
  }
}

resource "oci_core_route_table" "private" {
  compartment_id = var.compartment_id
  vcn_id         = oci_core_vcn.this.id
  display_name   = "${var.name}-private"
  freeform_tags  = var.tags

  route_rules {
    description       = "the internet, outwards only"
    destination       = local.anywhere
    destination_type  = "CIDR_BLOCK"
    network_entity_id = oci_core_nat_gateway.this.id
  }

  route_rules {
    description       = "Oracle's services"
    destination       = data.oci_core_services.all.services[0].cidr_block
    destination_type  = "SERVICE_CIDR_BLOCK"
    network_entity_id = oci_core_service_gateway.this.id
  }
}

# A new VCN has a list that allows SSH from everywhere. Managing it without a rule empties it.
resource "oci_core_default_security_list" "empty" {
  manage_default_resource_id = oci_core_vcn.this.default_security_list_id
  display_name               = "${var.name}-empty"
  freeform_tags              = var.tags
}

resource "oci_core_subnet" "this" {
  for_each = local.subnets

  compartment_id             = var.compartment_id
  vcn_id                     = oci_core_vcn.this.id
  display_name               = "${var.name}-${each.key}"
  dns_label                  = each.key
  cidr_block                 = each.value
  route_table_id             = each.key == "nodes" ? oci_core_route_table.private.id : oci_core_route_table.public.id
  prohibit_public_ip_on_vnic = each.key == "nodes"
  prohibit_internet_ingress  = each.key == "nodes"
  security_list_ids          = [oci_core_default_security_list.empty.id]
  freeform_tags              = var.tags
}

# Reserved before anything listens on it, so that the public name can be derived from it. It stays when load balancers are replaced.
resource "oci_core_public_ip" "lb" {
  compartment_id = var.compartment_id
  display_name   = "${var.name}-lb"
  lifetime       = "RESERVED"
  freeform_tags  = var.tags

  lifecycle {
    ignore_changes = [private_ip_id] # set by the load balancer that uses it
  }
}
