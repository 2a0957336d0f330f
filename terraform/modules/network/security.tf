# Which connections are allowed: one line per rule, one security group per role. Stateful, so responses need no rule.

locals {
  groups = toset(["api", "nodes", "lb"])

  tcp  = "6"
  icmp = "1"

  # Ports that the load balancer reaches on a node: the gateway, and kube-proxy's health check.
  lb_ports = merge(var.node_ports, { health = 10256 })

  # group: the rule's owner; peer: a group, "oracle" for Oracle's services, or a CIDR; port: null for all.
  rules = merge(
    { for cidr in var.operator_cidrs : "api-from-${cidr}" => {
      group = "api", direction = "INGRESS", peer = cidr, protocol = local.tcp, port = 6443, why = "kubectl and Terraform"
    } },
    {
      api-from-nodes         = { group = "api", direction = "INGRESS", peer = "nodes", protocol = local.tcp, port = 6443, why = "kubelets and controllers" }
      api-from-nodes-control = { group = "api", direction = "INGRESS", peer = "nodes", protocol = local.tcp, port = 12250, why = "the node's link to the control plane" }
      api-from-nodes-path    = { group = "api", direction = "INGRESS", peer = "nodes", protocol = local.icmp, port = null, why = "path MTU discovery" }
      api-to-nodes           = { group = "api", direction = "EGRESS", peer = "nodes", protocol = local.tcp, port = null, why = "kubelets and admission webhooks" }
      api-to-nodes-path      = { group = "api", direction = "EGRESS", peer = "nodes", protocol = local.icmp, port = null, why = "path MTU discovery" }
      api-to-oracle          = { group = "api", direction = "EGRESS", peer = "oracle", protocol = local.tcp, port = 443, why = "Oracle's services" }

      nodes-from-nodes     = { group = "nodes", direction = "INGRESS", peer = "nodes", protocol = "all", port = null, why = "pods on other nodes" }
      nodes-from-api       = { group = "nodes", direction = "INGRESS", peer = "api", protocol = local.tcp, port = null, why = "kubelets and admission webhooks" }
      nodes-from-vcn-path  = { group = "nodes", direction = "INGRESS", peer = var.cidr, protocol = local.icmp, port = null, why = "path MTU discovery" }
      nodes-to-nodes       = { group = "nodes", direction = "EGRESS", peer = "nodes", protocol = "all", port = null, why = "pods on other nodes" }
      nodes-to-api         = { group = "nodes", direction = "EGRESS", peer = "api", protocol = local.tcp, port = 6443, why = "the Kubernetes API" }
      nodes-to-api-control = { group = "nodes", direction = "EGRESS", peer = "api", protocol = local.tcp, port = 12250, why = "the node's link to the control plane" }
      nodes-to-api-path    = { group = "nodes", direction = "EGRESS", peer = "api", protocol = local.icmp, port = null, why = "path MTU discovery" }
      nodes-to-oracle      = { group = "nodes", direction = "EGRESS", peer = "oracle", protocol = local.tcp, port = 443, why = "Oracle's services" }
    },
    { for port, why in var.egress_ports : "nodes-to-internet-${port}" => {
      group = "nodes", direction = "EGRESS", peer = local.anywhere, protocol = local.tcp, port = tonumber(port), why = why
    } },
    { for name, port in local.lb_ports : "nodes-from-lb-${name}" => {
      group = "nodes", direction = "INGRESS", peer = "lb", protocol = local.tcp, port = port, why = "the load balancer's ${name}"
    } },
    { for name, port in local.lb_ports : "lb-to-nodes-${name}" => {
      group = "lb", direction = "EGRESS", peer = "nodes", protocol = local.tcp, port = port, why = "the load balancer's ${name}"
    } },
    { for name, port in { http = 80, https = 443 } : "lb-from-internet-${name}" => {
      group                    = "lb", direction = "INGRESS", peer = local.anywhere, protocol = local.tcp, port = port, why = name == "http" ? "certificates and redirects to https" : "Taskflow"
    } },
  )

  peers = merge(
    { for name, group in oci_core_network_security_group.this : name => { address = group.id, type = "NETWORK_SECURITY_GROUP" } },
    { oracle = { address = data.oci_core_services.all.services[0].cidr_block, type = "SERVICE_CIDR_BLOCK" } },
  )
}

resource "oci_core_network_security_group" "this" {
  for_each = local.groups

  compartment_id = var.compartment_id
  vcn_id         = oci_core_vcn.this.id
  display_name   = "${var.name}-${each.key}"
  freeform_tags  = var.tags
}

resource "oci_core_network_security_group_security_rule" "this" {
  for_each = local.rules

  network_security_group_id = oci_core_network_security_group.this[each.value.group].id
  description               = each.value.why
  direction                 = each.value.direction
  protocol                  = each.value.protocol
  source                    = each.value.direction == "INGRESS" ? try(local.peers[each.value.peer].address, each.value.peer) : null
  source_type               = each.value.direction == "INGRESS" ? try(local.peers[each.value.peer].type, "CIDR_BLOCK") : null
  destination               = each.value.direction == "EGRESS" ? try(local.peers[each.value.peer].address, each.value.peer) : null
  destination_type          = each.value.direction == "EGRESS" ? try(local.peers[each.value.peer].type, "CIDR_BLOCK") : null

  dynamic "tcp_options" {
    for_each = each.value.protocol == local.tcp && each.value.port != null ? [each.value.port] : []
    content {
      destination_port_range {
        min = tcp_options.value
        max = tcp_options.value
      }
    }
  }

  dynamic "icmp_options" {
    for_each = each.value.protocol == local.icmp ? [1] : []
    content {
      type = 3 # destination unreachable:
      code = 4 # fragmentation needed
    }
  }
}
