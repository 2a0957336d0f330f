output "cluster_id" {
  description = "OCID of the cluster."
  value       = oci_containerengine_cluster.this.id
}

output "kubeconfig" {
  description = "A kubeconfig that gets its tokens from the oci command and contains no secret."
  value       = data.oci_containerengine_cluster_kube_config.this.content
}

output "disks" {
  description = "OCID and size in GB of each disk by its name."
  value       = { for name, disk in oci_core_volume.disk : name => { id = disk.id, size_gb = var.disks[name] } }

  # Mounting a disk needs a node.
  depends_on = [oci_containerengine_node_pool.this]
}
