# Dapr's control plane: operator, sentry, injector and one scheduler, which keeps the reminders' jobs on a disk of its own. No actors, so no
# placement service.

resource "helm_release" "dapr" {
  name       = "dapr"
  namespace  = local.namespace["dapr-system"]
  repository = "https://dapr.github.io/helm-charts"
  chart      = "dapr"
  version    = var.versions.dapr

  # The chart knows three schedulers only, each with a disk of 50 GB, OCI's smallest. Reminders survive one's loss: the database has them.
  postrender = {
    binary_path = "sed"
    args        = ["-E", "-e", "s/^  replicas: 3$/  replicas: 1/", "-e", "s/(dapr-scheduler-server-0=https:[^,]*),[^\"]*/\\1/"]
  }

  values = [yamlencode({
    global = {
      ha         = { enabled = false }
      actors     = { enabled = false }
      logAsJson  = true
      prometheus = { enabled = true }
    }
    dapr_operator         = { resources = local.resources["dapr-operator"] }
    dapr_sentry           = { resources = local.resources["dapr-sentry"] }
    dapr_sidecar_injector = { resources = local.resources["dapr-sidecar-injector"] }
    dapr_scheduler = {
      resources = local.resources["dapr-scheduler"]
      cluster   = { storageClassName = kubernetes_persistent_volume_v1.disk["scheduler"].spec[0].storage_class_name, storageSize = "1Gi" }
      # Room for millions of jobs; the chart's default is no limit at all.
      etcdSpaceQuota = "2147483648"
    }
  })]
}
