# Taskflow on Oracle Cloud, from nothing to a URL in one apply: network, cluster, platform, database, Taskflow.

locals {
  compartment_id = coalesce(var.compartment_id, var.tenancy_id)
  repository     = "${path.root}/.."

  # One name everywhere: folder = image = Knative Service. `taskflow` is all functions in one process, for a laptop.
  functions = toset([for file in fileset(local.repository, "functions/*/Cargo.toml") : basename(dirname(file)) if basename(dirname(file)) != "taskflow"])

  tags   = merge(var.tags, { project = "taskflow", environment = var.name, managed-by = "terraform" })
  labels = { "app.kubernetes.io/part-of" = "taskflow", "app.kubernetes.io/managed-by" = "terraform" }

  node_ports = { http = 30080, https = 30443 }

  # 50 GB is the smallest disk that there is.
  disks = { for name, wanted in {
    scheduler = true
    kafka     = var.kafka == "strimzi"
    postgres  = var.database == "cluster"
  } : name => 50 if wanted }
  disks_gb = sum(values(local.disks))

  # Dapr's components differ with the broker.
  overlay = coalesce(var.overlay, var.kafka == "redpanda" ? "knative/overlays/oke-redpanda" : "knative/overlays/oke")

  hostname = coalesce(var.domain, "taskflow.${replace(module.network.public_address, ".", "-")}.sslip.io")

  # Tried together; Knative, Dapr and Kafka are what the end-to-end tests run.
  versions = {
    cert_manager     = "1.21.2"
    knative_operator = "1.23.0"
    knative_serving  = "1.23"
    dapr             = "1.18.2"
    strimzi          = "1.0.1"
    kafka            = "4.1.2"
  }
  postgres_image    = "docker.io/library/postgres:18.6-alpine"
  postgres_requests = { cpu = 100, memory = 512 }
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

module "network" {
  source = "./modules/network"

  compartment_id = local.compartment_id
  name           = var.name
  tags           = local.tags
  operator_cidrs = var.operator_cidrs
  node_ports     = local.node_ports

  egress_ports = merge(
    var.egress_ports,
    { "443" = "images, certificates, Gemini, webhooks" },
    var.database == "neon" ? { "5432" = "Neon" } : {},
    var.kafka == "redpanda" ? { "9092" = "Redpanda" } : {},
  )
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
  kubernetes_minor    = var.kubernetes_minor
  availability_domain = var.availability_domain
  node_count          = var.node_count
  node_ocpus          = var.node_ocpus
  node_memory_gb      = var.node_memory_gb
  boot_volume_gb      = var.boot_volume_gb
  disks               = local.disks
  check_capacity      = var.check_capacity

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

# Everything in the cluster goes before the nodes do: operators must be there to clean up after themselves.

module "platform" {
  source = "./modules/platform"

  name             = var.name
  tags             = local.tags
  labels           = local.labels
  kubeconfig       = local.kubeconfig
  disks            = { for name, disk in module.oke.disks : name => disk if name != "postgres" }
  hostname         = local.hostname
  acme_email       = var.acme_email
  acme_server      = var.acme_server
  kafka            = var.kafka
  redpanda_region  = var.redpanda_region
  secrets_rotation = var.secrets_rotation
  versions         = local.versions

  load_balancer = {
    address           = module.network.public_address
    subnet_id         = module.network.subnet_ids["lb"]
    security_group_id = module.network.security_group_ids["lb"]
    node_ports        = local.node_ports
  }

  depends_on = [module.oke]
}

module "database" {
  source = "./modules/database"

  name        = var.name
  labels      = local.labels
  database    = var.database
  disk        = lookup(module.oke.disks, "postgres", null)
  image       = local.postgres_image
  requests    = local.postgres_requests
  neon_org_id = var.neon_org_id
  neon_region = var.neon_region

  depends_on = [module.oke]
}

module "taskflow" {
  source = "./modules/taskflow"

  name             = "taskflow" # the overlay's namespace
  labels           = local.labels
  kubeconfig       = local.kubeconfig
  hostname         = local.hostname
  database_url     = module.database.url
  kafka            = module.platform.kafka
  gemini_api_key   = var.gemini_api_key
  settings         = var.settings
  secrets_rotation = var.secrets_rotation
  rollout          = var.rollout
  repository       = local.repository
  overlay          = local.overlay
  image_prefix     = var.image_registry
  image_digests    = var.image_digests

  depends_on = [module.platform]
}
