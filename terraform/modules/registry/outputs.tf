output "prefix" {
  description = "What stands before an image's name: host, namespace and prefix, without a slash at the end."
  value       = "ocir.${var.region}.oci.oraclecloud.com/${data.oci_objectstorage_namespace.this.namespace}/${var.name}"
}
