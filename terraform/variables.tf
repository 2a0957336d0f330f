# All variables. Secrets are set as TF_VAR_name in the environment, never in a file.

# --- Oracle Cloud

variable "tenancy_id" {
  description = "OCID of the tenancy."
  type        = string

  validation {
    condition     = startswith(var.tenancy_id, "ocid1.tenancy.")
    error_message = "tenancy_id: must be an OCID that begins with ocid1.tenancy.; the console shows it under Profile, Tenancy."
  }
}

variable "compartment_id" {
  description = "OCID of the compartment that holds everything; null for the tenancy's root."
  type        = string
  default     = null

  validation {
    condition     = var.compartment_id == null || can(regex("^ocid1\\.(compartment|tenancy)\\.", var.compartment_id))
    error_message = "compartment_id: must be an OCID that begins with ocid1.compartment., or null for the root."
  }
}

variable "region" {
  description = "Region, such as eu-frankfurt-1. Always-free resources are free only in the tenancy's home region."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "region: must be a name such as eu-frankfurt-1, as `oci iam region list` shows them."
  }
}

variable "oci_profile" {
  description = "Profile in the oci command's configuration file."
  type        = string
  default     = "DEFAULT"

  validation {
    condition     = can(regex("^[^\\s\\[\\]]+$", var.oci_profile))
    error_message = "oci_profile: must be the name of a profile in ~/.oci/config, without its brackets."
  }
}

variable "oci_auth" {
  description = "How the profile signs in: api_key, security_token (oci session authenticate) or instance_principal."
  type        = string
  default     = "api_key"

  validation {
    condition     = contains(["api_key", "security_token", "instance_principal"], var.oci_auth)
    error_message = "oci_auth: must be api_key, security_token or instance_principal."
  }
}

variable "operator_cidrs" {
  description = "Addresses from which kubectl and Terraform reach the Kubernetes API, such as [\"203.0.113.7/32\"]."
  type        = set(string)

  validation {
    condition     = length(var.operator_cidrs) > 0 && alltrue([for cidr in var.operator_cidrs : can(cidrhost(cidr, 0)) && !strcontains(cidr, ":")])
    error_message = "operator_cidrs: must be IPv4 networks, such as [\"203.0.113.7/32\"]; without one, neither kubectl nor Terraform can reach the cluster."
  }

  validation {
    condition     = alltrue([for cidr in var.operator_cidrs : try(tonumber(split("/", cidr)[1]) >= 16, false)])
    error_message = "operator_cidrs: must not contain a network larger than a /16, because the Kubernetes API should not be public."
  }
}

# --- Cost

variable "stay_free" {
  description = "Refuse everything that is billed: sizes beyond the free allowance, regions other than the home region, and Redpanda Serverless."
  type        = bool
  default     = true
}

variable "budget_email" {
  description = "Recipient of an e-mail when the compartment's bill of a month exceeds budget_amount; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.budget_email == null || can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", var.budget_email))
    error_message = "budget_email: must be an e-mail address, or null."
  }
}

variable "budget_amount" {
  description = "The monthly bill, in the account's currency, above which budget_email is notified."
  type        = number
  default     = 1

  validation {
    condition     = var.budget_amount >= 1 && floor(var.budget_amount) == var.budget_amount
    error_message = "budget_amount: must be a whole number from 1."
  }
}

# --- Cluster

variable "name" {
  description = "Name of the deployment and prefix of all names."
  type        = string
  default     = "taskflow"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name: must be 3 to 20 lower-case letters, digits and hyphens, starting with a letter."
  }
}

variable "tags" {
  description = "Freeform tags besides project, environment and managed-by."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(var.tags) <= 7 && alltrue([for key in keys(var.tags) : can(regex("^[^\\s.]{1,100}$", key)) && !contains(["project", "environment", "managed-by"], key)])
    error_message = "tags: must be at most seven (a resource can have ten, and project, environment and managed-by are set here), with keys of up to 100 letters without spaces and dots."
  }
}

variable "kubernetes_version" {
  description = "Kubernetes version of control plane and nodes, with its patch number."
  type        = string
  default     = "1.35.2"

  validation {
    condition     = can(regex("^1\\.[0-9]{2}\\.[0-9]+$", var.kubernetes_version))
    error_message = "kubernetes_version: must be a version such as 1.35.2, with its patch number."
  }
}

variable "availability_domain" {
  description = "Number of the availability domain that holds nodes and disks. Try another if one has no capacity."
  type        = number
  default     = 1

  validation {
    condition     = contains([1, 2, 3], var.availability_domain)
    error_message = "availability_domain: must be 1, 2 or 3; many regions only have 1."
  }
}

variable "node_count" {
  description = "Number of nodes, all VM.Standard.A1.Flex (arm64)."
  type        = number
  default     = 1

  validation {
    condition     = var.node_count >= 1 && var.node_count <= 10 && floor(var.node_count) == var.node_count
    error_message = "node_count: must be a whole number from 1 to 10."
  }
}

variable "node_ocpus" {
  description = "OCPUs of a node. 2 in total are free."
  type        = number
  default     = 2

  validation {
    condition     = var.node_ocpus >= 1 && var.node_ocpus <= 16 && floor(var.node_ocpus) == var.node_ocpus
    error_message = "node_ocpus: must be a whole number from 1 to 16."
  }

  validation {
    condition     = !var.stay_free || var.node_count * var.node_ocpus <= 2
    error_message = "node_count × node_ocpus is ${var.node_count * var.node_ocpus} OCPU, and 2 are free: lower one of them, or set stay_free = false and pay for the rest."
  }

  validation {
    condition     = var.node_count * var.node_ocpus >= 2
    error_message = "node_count × node_ocpus is ${var.node_count * var.node_ocpus} OCPU; Knative, Dapr and Taskflow need 2 together."
  }
}

variable "node_memory_gb" {
  description = "Memory of a node in GB. 12 in total are free."
  type        = number
  default     = 12

  validation {
    condition     = var.node_memory_gb >= 6 && var.node_memory_gb <= 64 * var.node_ocpus && floor(var.node_memory_gb) == var.node_memory_gb
    error_message = "node_memory_gb: must be a whole number from 6 to 64 for each OCPU."
  }

  validation {
    condition     = !var.stay_free || var.node_count * var.node_memory_gb <= 12
    error_message = "node_count × node_memory_gb is ${var.node_count * var.node_memory_gb} GB, and 12 are free: lower one of them, or set stay_free = false and pay for the rest."
  }
}

variable "boot_volume_gb" {
  description = "Size of a node's boot volume in GB, 50 at least. Boot volumes and disks share 200 free GB."
  type        = number
  default     = 50

  validation {
    condition     = var.boot_volume_gb >= 50 && var.boot_volume_gb <= 32768 && floor(var.boot_volume_gb) == var.boot_volume_gb
    error_message = "boot_volume_gb: must be a whole number from 50 to 32768."
  }

  validation {
    condition     = !var.stay_free || var.node_count * var.boot_volume_gb + local.disks_gb <= 200
    error_message = "${var.node_count} boot volumes of ${var.boot_volume_gb} GB and disks of ${local.disks_gb} GB are ${var.node_count * var.boot_volume_gb + local.disks_gb} GB of block storage, and 200 are free: fewer nodes, smaller boot volumes, database = \"neon\", or stay_free = false."
  }
}

variable "check_capacity" {
  description = "Whether a plan checks capacity and limits before anything is built. Needs the right to read both in the whole tenancy; set false without it."
  type        = bool
  default     = true
}

# --- Address

variable "domain" {
  description = "Public name of Taskflow. Point it, and *.NAME with function_hosts, at the output public_address. Null derives a name from the address, which needs no domain."
  type        = string
  default     = null

  validation {
    condition     = var.domain == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "domain: must be a name such as tasks.example.org, or null."
  }
}

variable "derived_suffix" {
  description = "Domain of a service that resolves ADDRESS.SUFFIX to the address, for the derived name: nip.io, or sslip.io."
  type        = string
  default     = "nip.io"

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.derived_suffix))
    error_message = "derived_suffix: must be a name such as nip.io; with a domain of your own, set domain instead."
  }
}

variable "function_hosts" {
  description = "Whether each function has a public URL of its own, https://FUNCTION.NAME. The certificate then has these names as well."
  type        = bool
  default     = false
}

variable "acme_email" {
  description = "Address that the certificate authority may write to; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.acme_email == null || can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", var.acme_email))
    error_message = "acme_email: must be an e-mail address, or null."
  }
}

variable "acme_server" {
  description = "Directory of the certificate authority; Let's Encrypt's staging directory has no weekly limit, but browsers do not trust its certificates."
  type        = string
  default     = "https://acme-v02.api.letsencrypt.org/directory"

  validation {
    condition     = startswith(var.acme_server, "https://")
    error_message = "acme_server: must be a URL that begins with https://."
  }
}

variable "egress_ports" {
  description = "TCP ports on the internet that pods may reach besides 443 and those of Neon and Redpanda, each with its purpose, such as { 8443 = \"webhook\" }."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for port in keys(var.egress_ports) : try(tonumber(port) >= 1 && tonumber(port) <= 65535 && floor(tonumber(port)) == tonumber(port), false)])
    error_message = "egress_ports: must be port numbers from 1 to 65535 as keys, such as { 8443 = \"webhook\" }."
  }
}

# --- Kafka and PostgreSQL

variable "kafka" {
  description = "strimzi: a broker in the cluster. redpanda: Redpanda Serverless, billed by the hour while it has topics."
  type        = string
  default     = "strimzi"

  validation {
    condition     = contains(["strimzi", "redpanda"], var.kafka)
    error_message = "kafka: must be strimzi or redpanda."
  }

  validation {
    condition     = !var.stay_free || var.kafka == "strimzi"
    error_message = "kafka: Redpanda Serverless is billed by the hour while it has topics, used or not; set kafka = \"strimzi\", or stay_free = false."
  }
}

variable "kafka_partitions" {
  description = "Partitions of each topic: the number of its records that are delivered at once. It can only grow, because Kafka never removes a partition."
  type        = number
  default     = 3

  validation {
    condition     = contains(range(1, 25), var.kafka_partitions)
    error_message = "kafka_partitions: must be 1 to 24."
  }
}

variable "redpanda_region" {
  description = "Region of Redpanda Serverless, near the cluster's. A plan checks it against Redpanda's list."
  type        = string
  default     = "eu-central-1"
}

variable "redpanda_client_id" {
  description = "Client id of a Redpanda Cloud service account."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.kafka != "redpanda" || try(length(var.redpanda_client_id) > 0, false)
    error_message = "redpanda_client_id: kafka = \"redpanda\" needs one; create a service account in Redpanda Cloud and set TF_VAR_redpanda_client_id."
  }
}

variable "redpanda_client_secret" {
  description = "Client secret of a Redpanda Cloud service account."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.kafka != "redpanda" || try(length(var.redpanda_client_secret) > 0, false)
    error_message = "redpanda_client_secret: kafka = \"redpanda\" needs one; create a service account in Redpanda Cloud and set TF_VAR_redpanda_client_secret."
  }
}

variable "database" {
  description = "cluster: PostgreSQL in the cluster, on a disk of its own. neon: Neon, which sleeps when idle."
  type        = string
  default     = "cluster"

  validation {
    condition     = contains(["cluster", "neon"], var.database)
    error_message = "database: must be cluster or neon."
  }
}

variable "backups" {
  description = "Whether to back up the database each day to Object Storage, which keeps a backup for 14 days."
  type        = bool
  default     = true
}

variable "neon_api_key" {
  description = "Key of Neon's API."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.database != "neon" || try(length(var.neon_api_key) > 0, false)
    error_message = "neon_api_key: database = \"neon\" needs one; create it in Neon's console, Account settings, API keys, and set TF_VAR_neon_api_key."
  }
}

variable "neon_org_id" {
  description = "Neon's organisation, for accounts that have one; null otherwise."
  type        = string
  default     = null
}

variable "neon_region" {
  description = "Neon's region, near the cluster's."
  type        = string
  default     = "aws-eu-central-1"

  validation {
    condition     = can(regex("^(aws|azure)-[a-z0-9-]+$", var.neon_region))
    error_message = "neon_region: must be a name such as aws-eu-central-1, as Neon's console lists them."
  }
}

# --- Taskflow

variable "time_zone" {
  description = "The user's time zone, such as Europe/Berlin. Without it, \"today\", 09:00 and reminders would be in UTC, the pods' zone."
  type        = string

  validation {
    condition     = can(regex("^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$", var.time_zone))
    error_message = "time_zone: must be a name of the IANA database, such as Europe/Berlin."
  }
}

variable "gemini_api_key" {
  description = "Key of the Gemini API; null for the offline assistant."
  type        = string
  default     = null
  sensitive   = true
}

variable "smtp_url" {
  description = "Mail server of reminders, such as smtps://user:password@mail.example.org; null for none. TASKFLOW_MAIL_TO in `settings` sets the recipient."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.smtp_url == null || can(regex("^smtps?://[^/ ]+$", var.smtp_url))
    error_message = "smtp_url: must be smtps://user:password@host, or smtp:// for STARTTLS."
  }
}

variable "webhook_token" {
  description = "Bearer token that the receiver of TASKFLOW_WEBHOOK_URL requires; null for none."
  type        = string
  default     = null
  sensitive   = true
}

variable "webhook_secret" {
  description = "Key of the webhook's signatures (Standard Webhooks): whsec_ and 24 to 64 bytes as base64; null for none."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.webhook_secret == null || can(regex("^whsec_[A-Za-z0-9+/]{32,88}={0,2}$", var.webhook_secret))
    error_message = "webhook_secret: must be whsec_ followed by 24 to 64 bytes as base64."
  }
}

variable "settings" {
  description = "Environment variables of every function, such as TASKFLOW_WEBHOOK_URL. No secrets."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^(TASKFLOW_[A-Z_]+|GEMINI_(MODEL|BASE_URL)|OTEL_[A-Z_]+|RUST_LOG)$", name))])
    error_message = "settings: use the names of Taskflow's settings, which docs/settings.md lists; secrets have variables of their own."
  }

  validation {
    condition     = length(setintersection(keys(var.settings), ["TASKFLOW_DOMAIN", "TASKFLOW_ACME_DIRECTORY", "TASKFLOW_ACME_EMAIL", "TASKFLOW_FUNCTION_HOSTS", "TASKFLOW_TIME_ZONE"])) == 0
    error_message = "settings: set domain, acme_server, acme_email, function_hosts and time_zone instead of the settings that are derived from them."
  }
}

variable "secrets_rotation" {
  description = "Raise this number to replace the API token, Dapr's tokens and Redpanda's password."
  type        = number
  default     = 1

  validation {
    condition     = var.secrets_rotation >= 1 && floor(var.secrets_rotation) == var.secrets_rotation
    error_message = "secrets_rotation: must be a whole number from 1, one more than the last."
  }
}

variable "plan_group_id" {
  description = "OCID of the group whose members may read the cluster's objects that a plan refreshes, including Secrets; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.plan_group_id == null || can(regex("^ocid1\\.group\\.", var.plan_group_id))
    error_message = "plan_group_id: must be an OCID that begins with ocid1.group., or null."
  }
}

variable "create_registry" {
  description = "Whether to create a repository in Oracle's registry for each image."
  type        = bool
  default     = false
}

variable "image_registry" {
  description = "Prefix of the images' names, such as ghcr.io/OWNER/taskflow."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+$", var.image_registry))
    error_message = "image_registry: must be host and path, such as ghcr.io/owner/taskflow, without a slash at the end."
  }
}

variable "image_digests" {
  description = "Digest of each image by the function's name, as the pipeline writes them to image-digests.tfvars.json."
  type        = map(string)

  validation {
    condition     = alltrue([for digest in values(var.image_digests) : can(regex("^sha256:[0-9a-f]{64}$", digest))])
    error_message = "image_digests: must be digests such as sha256:… of 64 hexadecimal digits, because tags can move."
  }

  validation {
    condition     = length(setsubtract(local.functions, keys(var.image_digests))) == 0 || !var.rollout
    error_message = "image_digests: has no digest for ${join(", ", setsubtract(local.functions, keys(var.image_digests)))}; use a release's image-digests.tfvars.json, or set rollout = false."
  }
}

variable "overlay" {
  description = "The kustomize overlay to roll out, from the repository's root; null for the one that fits kafka."
  type        = string
  default     = null

  validation {
    condition     = var.overlay == null || can(regex("^[a-z0-9][a-z0-9/_-]*[a-z0-9]$", var.overlay))
    error_message = "overlay: must be a folder of the repository, such as knative/overlays/oke, or null."
  }
}

variable "rollout" {
  description = "Whether apply rolls out the overlay. The pipeline sets false and rolls out itself, so that the next apply does not undo a roll-back."
  type        = bool
  default     = true
}
