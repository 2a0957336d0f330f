output "prefix" {
  description = "Prefix of the images' names: host, namespace and prefix, without a slash at the end."
  value       = "ocir.${var.region}.oci.oraclecloud.com/${data.oci_objectstorage_namespace.this.namespace}/${var.name}"
}

output "repositories" {
  description = "Names of the repositories, without host and namespace."
  value       = [for repository in oci_artifacts_container_repository.this : repository.display_name]
}
