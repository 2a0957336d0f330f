output "api_token" {
  description = "Bearer token of the API."
  sensitive   = true
  value       = random_password.this["api-token"].result
}

output "url" {
  description = "Taskflow's URL."
  value       = "https://${var.hostname}"

  depends_on = [terraform_data.rollout]
}
