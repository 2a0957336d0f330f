# The providers and their credentials. The cluster's address is known only after the cluster is built; until then, its providers have nothing to do.

locals {
  oci_auth = {
    api_key            = "ApiKey"
    security_token     = "SecurityToken" # checkov:skip=CKV_SECRET_6:a name, no secret
    instance_principal = "InstancePrincipal"
  }[var.oci_auth]

  # The kubeconfig gets tokens from the oci command, which must use the same principal.
  kubeconfig_as_served = yamldecode(module.oke.kubeconfig)
  cluster              = local.kubeconfig_as_served["clusters"][0]["cluster"]
  token_args = [
    "ce", "cluster", "generate-token", "--cluster-id", module.oke.cluster_id, "--region", var.region,
    "--profile", var.oci_profile, "--auth", var.oci_auth,
  ]
  kubeconfig = yamlencode({
    apiVersion      = "v1"
    kind            = "Config"
    current-context = var.name
    clusters        = [{ name = var.name, cluster = local.cluster }]
    contexts        = [{ name = var.name, context = { cluster = var.name, user = var.name } }]
    users = [{ name = var.name, user = { exec = {
      apiVersion      = "client.authentication.k8s.io/v1beta1"
      command         = "oci"
      args            = local.token_args
      interactiveMode = "Never"
    } } }]
  })
}

provider "oci" {
  region              = var.region
  auth                = local.oci_auth
  config_file_profile = var.oci_profile
}

provider "kubernetes" {
  host                   = local.cluster["server"]
  cluster_ca_certificate = base64decode(local.cluster["certificate-authority-data"])

  exec {
    api_version = "client.authentication.k8s.io/v1beta1"
    command     = "oci"
    args        = local.token_args
  }
}

provider "helm" {
  kubernetes = {
    host                   = local.cluster["server"]
    cluster_ca_certificate = base64decode(local.cluster["certificate-authority-data"])

    exec = {
      api_version = "client.authentication.k8s.io/v1beta1"
      command     = "oci"
      args        = local.token_args
    }
  }
}

# A provider signs in even if nothing uses it, unless it has credentials. Therefore, unused providers get these values.

provider "neon" {
  api_key = var.database == "neon" ? var.neon_api_key : "unused"
}

provider "redpanda" {
  access_token  = var.kafka == "redpanda" ? null : "unused"
  client_id     = var.kafka == "redpanda" ? var.redpanda_client_id : null
  client_secret = var.kafka == "redpanda" ? var.redpanda_client_secret : null
}
