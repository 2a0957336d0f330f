output "url" {
  description = "Where Taskflow is. The first certificate takes a minute or two."
  value       = module.taskflow.url
}

output "api_token" {
  description = "Bearer token of the API: terraform output -raw api_token."
  sensitive   = true
  value       = module.taskflow.api_token
}

output "public_address" {
  description = "The load balancer's address; a domain of your own points here."
  value       = module.network.public_address
}

output "kubeconfig_command" {
  description = "Makes kubectl speak to the cluster."
  value = join(" ", [
    "oci ce cluster create-kubeconfig --cluster-id ${module.oke.cluster_id} --file $HOME/.kube/config --region ${var.region}",
    "--token-version 2.0.0 --kube-endpoint PUBLIC_ENDPOINT --profile ${var.oci_profile} --auth ${var.oci_auth}",
  ])
}

output "backups" {
  description = "Bucket of the daily backups; null for none."
  value       = one(module.backup[*].bucket)
}

output "overlay" {
  description = "The kustomize overlay of this deployment, for a roll-out by hand or by the pipeline."
  value       = local.overlay
}

output "image_registry" {
  description = "Where images of this release are pulled from, and the repositories in Oracle's registry if there are any."
  value = {
    used    = var.image_registry
    created = one(module.registry[*].prefix)
  }
}

output "api_security_group_id" {
  description = "Security group of the Kubernetes API; the pipeline lets its runner in here for as long as it runs."
  value       = module.network.security_group_ids["api"]
}

output "billed" {
  description = "What of this may be billed; empty where all is free."
  value       = local.billed
}

output "block_storage_gb" {
  description = "Block storage in GB: boot volumes and disks. Free are 200."
  value       = local.used.block_gb
}
