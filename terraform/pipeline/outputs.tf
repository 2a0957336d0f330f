output "plan_group_id" {
  description = "OCID of the group of the plan; the deployment's variable plan_group_id."
  value       = oci_identity_group.this["plan"].id
}

output "state" {
  description = "Bucket and namespace of the state: the pipeline's variables STATE_BUCKET and STATE_NAMESPACE."
  value       = { bucket = oci_objectstorage_bucket.state.name, namespace = data.oci_objectstorage_namespace.this.namespace }
}
