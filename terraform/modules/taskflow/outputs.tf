output "api_token" {
  description = "Bearer token of the API."
  sensitive   = true
  value       = random_password.this["api-token"].result
}

output "url" {
  description = "Where Taskflow is."
  value       = "https://${var.hostname}"

  depends_on = [terraform_data.rollout]
}
