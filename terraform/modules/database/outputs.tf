output "url" {
  description = "Connection string with role and password."
  sensitive   = true
  value = local.in_cluster ? format(
    "postgres://%s:%s@%s.%s.svc.cluster.local:5432/%s?sslmode=disable", # inside the cluster; checkov:skip=CKV_SECRET_4:a pattern
    local.role, random_password.this[0].result, local.server, var.namespace, local.role,
  ) : neon_project.this[0].connection_uri

  # Clients need a running server.
  depends_on = [helm_release.this]
}
