# Taskflow on Oracle Cloud, from nothing to a URL in one apply: network, cluster, platform, database, Taskflow.

locals {
  compartment_id = coalesce(var.compartment_id, var.tenancy_id)
  repository     = "${path.root}/.."

  # The same name everywhere: folder = image = Knative Service. `taskflow` contains all functions in one process, for a laptop.
  functions = toset([for file in fileset(local.repository, "functions/*/Cargo.toml") : basename(dirname(file)) if basename(dirname(file)) != "taskflow"])

  tags   = merge(var.tags, { project = "taskflow", environment = var.name, managed-by = "terraform" })
  labels = { "app.kubernetes.io/part-of" = "taskflow", "app.kubernetes.io/managed-by" = "terraform" }

  # The charts that are installed in the cluster. Minikube and the tests use the same files.
  platform = "${local.repository}/platform"

  node_ports = yamldecode(file("${local.platform}/gateway-public/values.yaml")).nodePorts

  disks = { for name, size_gb in jsondecode(file("${local.platform}/disks.json")) : name => size_gb if {
    kafka    = var.kafka == "strimzi"
    postgres = var.database == "cluster"
  }[name] }
  disks_gb = sum(concat([0], values(local.disks)))

  # Only one kind of attachment can encrypt the traffic between nodes and disks, so the node pool and the volumes must agree.
  encryption_in_transit = true

  # Dapr's components depend on the broker.
  overlay = coalesce(var.overlay, var.kafka == "redpanda" ? "knative/overlays/oke-redpanda" : "knative/overlays/oke")

  hostname = coalesce(var.domain, "taskflow.${replace(module.network.public_address, ".", "-")}.${var.derived_suffix}")
}

locals {
  # The gateway serves this domain over TLS. A page calls its own host, so no other origin needs to be allowed.
  settings = merge(
    {
      TASKFLOW_DOMAIN         = local.hostname
      TASKFLOW_ACME_DIRECTORY = var.acme_server
      TASKFLOW_FUNCTION_HOSTS = tostring(var.function_hosts)
      TASKFLOW_TIME_ZONE      = var.time_zone
    },
    var.acme_email == null ? {} : { TASKFLOW_ACME_EMAIL = var.acme_email },
    var.settings,
  )
}

data "oci_identity_region_subscriptions" "this" {
  tenancy_id = var.tenancy_id

  lifecycle {
    postcondition {
      condition     = anytrue([for region in self.region_subscriptions : region.region_name == var.region])
      error_message = "region: the tenancy is not subscribed to ${var.region}; it has ${join(", ", self.region_subscriptions[*].region_name)}."
    }

    postcondition {
      condition     = !var.stay_free || anytrue([for region in self.region_subscriptions : region.is_home_region && region.region_name == var.region])
      error_message = "region: always-free resources are free in the home region only; set region = \"${one([for region in self.region_subscriptions : region.region_name if region.is_home_region])}\", or stay_free = false."
    }
  }
}

# An account that was not upgraded to pay-as-you-go may have a limit of 0 for parts that every cluster needs. Oracle would report that only after the
# rest is built.
data "oci_limits_limit_values" "this" {
  for_each = var.check_capacity ? local.needed_limits : {}

  compartment_id = var.tenancy_id
  service_name   = each.key

  lifecycle {
    postcondition {
      condition     = alltrue([for limit in self.limit_values : limit.value != "0" if can(regex(each.value, limit.name))])
      error_message = "The tenancy's limit is 0 for ${join(", ", [for limit in self.limit_values : limit.name if can(regex(each.value, limit.name)) && limit.value == "0"])}. Upgrade the account to pay-as-you-go, which costs nothing inside the free allowance: accounts that were not upgraded have no NAT gateway, service gateway or cluster."
    }
  }
}

locals {
  # By service, the names of limits. At least 1 of each is needed.
  needed_limits = {
    vcn              = "^(nat|service)-?gateways?-count$"
    container-engine = "^cluster-count$"
  }
}

module "network" {
  source = "./modules/network"

  compartment_id = local.compartment_id
  name           = var.name
  tags           = local.tags
  operator_cidrs = var.operator_cidrs
  node_ports     = local.node_ports

  egress_ports = merge(
    var.egress_ports,
    { "443" = "images, certificates, Gemini, webhooks, push services" },
    nonsensitive(var.smtp_url == null) ? {} : { "465" = "mail", "587" = "mail" },
    var.database == "neon" ? { "5432" = "Neon" } : {},
    var.kafka == "redpanda" ? { "9092" = "Redpanda" } : {},
  )

  # The first resource that is built.
  depends_on = [data.oci_limits_limit_values.this, data.oci_identity_region_subscriptions.this]
}

module "oke" {
  source = "./modules/oke"

  tenancy_id          = var.tenancy_id
  compartment_id      = local.compartment_id
  name                = var.name
  tags                = local.tags
  vcn_id              = module.network.vcn_id
  subnet_ids          = module.network.subnet_ids
  security_group_ids  = module.network.security_group_ids
  kubernetes_version  = var.kubernetes_version
  availability_domain = var.availability_domain
  node_count          = var.node_count
  node_ocpus          = var.node_ocpus
  node_memory_gb      = var.node_memory_gb
  boot_volume_gb      = var.boot_volume_gb
  disks               = local.disks
  check_capacity      = var.check_capacity

  encryption_in_transit = local.encryption_in_transit

  depends_on = [data.oci_identity_region_subscriptions.this]
}

module "registry" {
  source = "./modules/registry"
  count  = var.create_registry ? 1 : 0

  compartment_id = local.compartment_id
  name           = var.name
  region         = var.region
  images         = local.functions
  tags           = local.tags
}

data "redpanda_serverless_regions" "this" {
  for_each = var.kafka == "redpanda" ? toset(["aws", "gcp"]) : toset([])

  cloud_provider = each.key
}

# Everything in the cluster is destroyed before the nodes, because operators must still run to clean up after themselves.

module "platform" {
  source = "./modules/platform"

  platform         = local.platform
  name             = var.name
  tags             = local.tags
  labels           = local.labels
  kubeconfig       = local.kubeconfig
  disks            = module.oke.disks
  namespaces       = concat(["taskflow"], var.database == "cluster" ? ["postgres"] : [])
  kafka            = var.kafka
  kafka_partitions = var.kafka_partitions
  redpanda_region  = var.redpanda_region
  redpanda_regions = flatten([for list in data.redpanda_serverless_regions.this : list.serverless_regions[*].name])
  secrets_rotation = var.secrets_rotation

  encryption_in_transit = local.encryption_in_transit

  depends_on = [module.oke]
}

module "database" {
  source = "./modules/database"

  platform    = local.platform
  name        = var.name
  labels      = local.labels
  database    = var.database
  namespace   = lookup(module.platform.namespaces, "postgres", null)
  neon_org_id = var.neon_org_id
  neon_region = var.neon_region

  depends_on = [module.oke]
}

module "backup" {
  source = "./modules/backup"
  count  = var.backups ? 1 : 0

  platform         = local.platform
  compartment_id   = local.compartment_id
  region           = var.region
  name             = var.name
  tags             = local.tags
  labels           = local.labels
  namespace        = module.platform.namespaces["taskflow"]
  secrets_rotation = var.secrets_rotation

  depends_on = [module.oke]
}

module "taskflow" {
  source = "./modules/taskflow"

  namespace        = module.platform.namespaces["taskflow"]
  tags             = local.tags
  labels           = local.labels
  kubeconfig       = local.kubeconfig
  hostname         = local.hostname
  settings         = local.settings
  database_url     = module.database.url
  kafka            = module.platform.kafka
  gemini_api_key   = var.gemini_api_key
  smtp_url         = var.smtp_url
  webhook_token    = var.webhook_token
  webhook_secret   = var.webhook_secret
  secrets_rotation = var.secrets_rotation
  rollout          = var.rollout
  repository       = local.repository
  overlay          = local.overlay
  image_prefix     = var.image_registry
  image_digests    = var.image_digests
  plan_group_id    = var.plan_group_id

  load_balancer = {
    address           = module.network.public_address
    subnet_id         = module.network.subnet_ids["lb"]
    security_group_id = module.network.security_group_ids["lb"]
    node_ports        = local.node_ports
  }

  depends_on = [module.platform]
}
