output "url" {
  description = "Connection string with role and password."
  sensitive   = true
  value = local.in_cluster ? format(
    "postgres://%s:%s@%s.%s.svc.cluster.local:5432/%s?sslmode=disable", # inside the cluster; checkov:skip=CKV_SECRET_4:a pattern
    local.role, random_password.this[0].result, local.server, var.namespace, local.role,
  ) : neon_project.this[0].connection_uri

  # Whoever connects needs the server up.
  depends_on = [helm_release.this]
}
