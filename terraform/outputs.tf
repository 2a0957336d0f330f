output "url" {
  description = "Taskflow's URL. The first certificate takes a minute or two."
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
  description = "Command that writes the cluster's kubeconfig."
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
  description = "Registry that nodes pull images from, and the prefix of the repositories in Oracle's registry, if any."
  value = {
    used    = var.image_registry
    created = one(module.registry[*].prefix)
  }
}

output "api_security_group_id" {
  description = "Security group of the Kubernetes API. The pipeline adds a rule for its runner to it, and removes the rule at the end."
  value       = module.network.security_group_ids["api"]
}

output "billed" {
  description = "Parts of the deployment that may be billed; empty if all are free."
  value       = local.billed
}

output "block_storage_gb" {
  description = "Block storage in GB: boot volumes and disks. 200 are free."
  value       = local.used.block_gb
}
