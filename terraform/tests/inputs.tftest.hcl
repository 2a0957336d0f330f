# A plan refuses invalid input before anything is built, and names the variable to change.

mock_provider "oci" {
  source          = "./tests/mocks/oci"
  override_during = plan
}

mock_provider "helm" {}
mock_provider "kubernetes" {}
mock_provider "random" {}
mock_provider "neon" {}

mock_provider "redpanda" {
  source          = "./tests/mocks/redpanda"
  override_during = plan
}

variables {
  tenancy_id     = "ocid1.tenancy.oc1..t"
  region         = "eu-frankfurt-1"
  operator_cidrs = ["198.51.100.7/32"]
  image_registry = "ghcr.io/example/taskflow"
  image_digests  = {}
  rollout        = false
  time_zone      = "Europe/Berlin"
}

run "defaults_are_free" {
  command = plan

  assert {
    condition     = length(output.billed) == 0 && output.block_storage_gb == 150
    error_message = "With the defaults, nothing is billed."
  }

  assert {
    condition     = length(oci_budget_budget.this) == 0
    error_message = "There is no budget without a recipient."
  }

  assert {
    condition = toset(oci_limits_quota.free[0].statements) == toset([
      "set compute-core quota standard-a1-core-count to 2 in tenancy",
      "set compute-core quota standard-a1-core-regional-count to 2 in tenancy",
      "set compute-memory quota standard-a1-memory-count to 12 in tenancy",
      "set compute-memory quota standard-a1-memory-regional-count to 12 in tenancy",
      "set block-storage quota total-storage-gb to 200 in tenancy",
    ])
    error_message = "A quota makes Oracle refuse resources beyond the free allowance."
  }

  assert {
    condition     = local.used.block_gb + var.boot_volume_gb <= local.free.block_gb
    error_message = "There is room for a new node's boot volume while Oracle has not removed the old one."
  }

  assert {
    condition     = local.hostname == "taskflow.203-0-113-10.nip.io"
    error_message = "Without a domain, the name is derived from the address."
  }

  assert {
    condition = tomap(local.settings) == tomap({
      TASKFLOW_DOMAIN         = "taskflow.203-0-113-10.nip.io"
      TASKFLOW_ACME_DIRECTORY = "https://acme-v02.api.letsencrypt.org/directory"
      TASKFLOW_FUNCTION_HOSTS = "false"
      TASKFLOW_TIME_ZONE      = "Europe/Berlin"
    })
    error_message = "The gateway serves the public name itself, in the user's time zone."
  }

  assert {
    condition     = length(local.functions) > 20 && !contains(local.functions, "taskflow") && contains(local.functions, "gateway")
    error_message = "Every function except taskflow has an image."
  }

  assert {
    condition     = local.tags == { project = "taskflow", environment = "taskflow", managed-by = "terraform" }
    error_message = "Every resource has the tags project, environment and managed-by."
  }
}

run "too_many_processors" {
  command = plan

  variables {
    node_count = 2
  }

  expect_failures = [var.node_ocpus]
}

run "too_much_memory" {
  command = plan

  variables {
    node_memory_gb = 24
  }

  expect_failures = [var.node_memory_gb]
}

run "too_few_processors" {
  command = plan

  variables {
    node_ocpus = 1
  }

  expect_failures = [var.node_ocpus]
}

run "half_a_processor" {
  command = plan

  variables {
    node_ocpus = 1.5
  }

  expect_failures = [var.node_ocpus]
}

run "too_much_disk" {
  command = plan

  variables {
    boot_volume_gb = 101
  }

  expect_failures = [var.boot_volume_gb]
}

run "a_smaller_disk_than_there_is" {
  command = plan

  variables {
    boot_volume_gb = 20
  }

  expect_failures = [var.boot_volume_gb]
}

run "two_small_nodes_are_free_with_neon" {
  command = plan

  variables {
    node_count     = 2
    node_ocpus     = 1
    node_memory_gb = 6
    database       = "neon"
    neon_api_key   = "key"
  }

  assert {
    condition     = output.block_storage_gb == 150
    error_message = "Block storage is two boot volumes and one disk."
  }
}

run "more_than_free_says_what_is_billed" {
  command = plan

  variables {
    stay_free      = false
    node_count     = 2
    node_ocpus     = 2
    node_memory_gb = 12
    boot_volume_gb = 75
    budget_email   = "me@example.org"
  }

  assert {
    condition     = length(oci_limits_quota.free) == 0
    error_message = "With stay_free = false there is no quota."
  }

  assert {
    condition = output.billed == tolist([
      "2 OCPU beyond the free 2, by the hour",
      "12 GB of memory beyond the free 12, by the hour",
      "50 GB of block storage beyond the free 200, by the month",
    ])
    error_message = "The plan lists the parts that are billed."
  }

  assert {
    condition     = oci_budget_budget.this[0].amount == 1 && toset([for rule in oci_budget_alert_rule.this : rule.type]) == toset(["ACTUAL", "FORECAST"]) && alltrue([for rule in oci_budget_alert_rule.this : rule.recipients == "me@example.org"])
    error_message = "Oracle sends a mail for the forecast and for the actual bill."
  }
}

run "an_account_without_gateways" {
  command = plan

  override_data {
    target          = data.oci_limits_limit_values.this["vcn"]
    override_during = plan
    values = {
      limit_values = [{ availability_domain = "", name = "nat-gateway-count", scope_type = "REGION", value = "0" }]
    }
  }

  expect_failures = [data.oci_limits_limit_values.this]
}

run "an_account_without_service_gateways" {
  command = plan

  override_data {
    target          = data.oci_limits_limit_values.this["vcn"]
    override_during = plan
    values = {
      limit_values = [{ availability_domain = "", name = "service-gateway-count", scope_type = "REGION", value = "0" }]
    }
  }

  expect_failures = [data.oci_limits_limit_values.this]
}

run "an_account_without_clusters" {
  command = plan

  override_data {
    target          = data.oci_limits_limit_values.this["container-engine"]
    override_during = plan
    values = {
      limit_values = [{ availability_domain = "", name = "cluster-count", scope_type = "REGION", value = "0" }]
    }
  }

  expect_failures = [data.oci_limits_limit_values.this]
}

run "not_at_home" {
  command = plan

  variables {
    region = "eu-amsterdam-1"
  }

  expect_failures = [data.oci_identity_region_subscriptions.this]
}

run "no_such_region" {
  command = plan

  variables {
    region = "mars-north-1"
  }

  expect_failures = [data.oci_identity_region_subscriptions.this]
}

run "redpanda_is_not_free" {
  command = plan

  variables {
    kafka                  = "redpanda"
    redpanda_client_id     = "id"
    redpanda_client_secret = "secret"
  }

  expect_failures = [var.kafka]
}

run "redpanda_without_credentials" {
  command = plan

  variables {
    stay_free = false
    kafka     = "redpanda"
  }

  expect_failures = [var.redpanda_client_id, var.redpanda_client_secret]
}

run "neon_without_a_key" {
  command = plan

  variables {
    database = "neon"
  }

  expect_failures = [var.neon_api_key]
}

run "an_api_for_everybody" {
  command = plan

  variables {
    operator_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.operator_cidrs]
}

run "an_api_for_nobody" {
  command = plan

  variables {
    operator_cidrs = []
  }

  expect_failures = [var.operator_cidrs]
}

run "a_tag_for_a_digest" {
  command = plan

  variables {
    image_digests = { gateway = "latest" }
  }

  expect_failures = [var.image_digests]
}

run "a_roll_out_without_images" {
  command = plan

  variables {
    rollout = true
  }

  expect_failures = [var.image_digests]
}

run "a_secret_among_the_settings" {
  command = plan

  variables {
    settings = { DATABASE_URL = "postgres://…" }
  }

  expect_failures = [var.settings]
}

run "what_is_no_name_and_no_address" {
  command = plan

  variables {
    oci_profile      = "[DEFAULT]"
    tags             = { project = "other" }
    acme_email       = "me"
    acme_server      = "http://acme.example.org"
    budget_email     = "me"
    budget_amount    = 0.5
    egress_ports     = { https = "webhook" }
    neon_region      = "eu-central-1"
    secrets_rotation = 1.5
    time_zone        = "here"
    plan_group_id    = "taskflow-plan"
    derived_suffix   = "nip"
  }

  expect_failures = [
    var.oci_profile, var.tags, var.acme_email, var.acme_server, var.budget_email, var.budget_amount, var.egress_ports, var.neon_region,
    var.secrets_rotation, var.time_zone, var.plan_group_id, var.derived_suffix,
  ]
}

run "choices_that_there_are_not" {
  command = plan

  variables {
    region              = "Frankfurt"
    oci_auth            = "password"
    name                = "Taskflow!"
    kubernetes_version  = "1.35"
    availability_domain = 4
    kafka               = "redis"
    kafka_partitions    = 0
    database            = "sqlite"
    image_registry      = "ghcr.io"
    overlay             = "../elsewhere"
  }

  expect_failures = [
    var.region, var.oci_auth, var.name, var.kubernetes_version, var.availability_domain, var.kafka, var.kafka_partitions, var.database, var.image_registry, var.overlay,
  ]
}

run "a_webhook_at_a_port_of_its_own" {
  command = plan

  variables {
    egress_ports = { 8443 = "webhook" }
  }

  assert {
    condition     = tomap(module.network.internet_ports) == tomap({ 443 = "images, certificates, Gemini, webhooks, push services", 8443 = "webhook" })
    error_message = "Pods reach that port as well."
  }
}

run "no_ocid" {
  command = plan

  variables {
    tenancy_id     = "my-tenancy"
    compartment_id = "my-compartment"
  }

  expect_failures = [var.tenancy_id, var.compartment_id]
}

run "a_setting_that_has_a_variable" {
  command = plan

  variables {
    settings = { TASKFLOW_TIME_ZONE = "UTC" }
  }

  expect_failures = [var.settings]
}

run "a_domain_of_ones_own" {
  command = plan

  variables {
    domain = "tasks.example.org"
  }

  assert {
    condition     = output.url == "https://tasks.example.org"
    error_message = "The domain is the public name."
  }
}

run "not_a_domain" {
  command = plan

  variables {
    domain = "https://tasks.example.org"
  }

  expect_failures = [var.domain]
}

run "a_registry_of_oracles" {
  command = plan

  variables {
    create_registry = true
  }

  assert {
    condition     = output.image_registry.created == "ocir.eu-frankfurt-1.oci.oraclecloud.com/frspace/taskflow"
    error_message = "The registry's address is printed."
  }

  assert {
    condition     = toset(module.registry[0].repositories) == toset([for name in local.functions : "taskflow/${name}"])
    error_message = "There is a repository for each image."
  }

  assert {
    condition     = contains(output.billed, "Oracle's registry: storage beyond the free object storage")
    error_message = "The output billed lists the registry's storage."
  }
}
