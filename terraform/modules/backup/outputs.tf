output "bucket" {
  description = "Name of the bucket that holds the backups."
  value       = oci_objectstorage_bucket.this.name
}
