output "url" {
  description = "Connection string with role and password."
  sensitive   = true
  value = local.in_cluster ? format(
    "postgres://%s:%s@%s.%s.svc.cluster.local:%d/%s?sslmode=disable", # inside the cluster; checkov:skip=CKV_SECRET_4:a pattern
    local.role, random_password.this[0].result, local.server, local.server, local.port, local.role,
  ) : neon_project.this[0].connection_uri

  # Whoever connects needs the server up.
  depends_on = [kubernetes_stateful_set_v1.this, kubernetes_service_v1.this]
}
