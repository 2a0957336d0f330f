# A repository in Oracle's registry for each image, if create_registry is set. Public, so that nodes pull without a stored credential; the images
# contain published code only. Storage is billed beyond the free object storage.

resource "oci_artifacts_container_repository" "this" {
  for_each = var.images

  compartment_id = var.compartment_id
  display_name   = "${var.name}/${each.key}"
  is_public      = true
  is_immutable   = false # the tag of the build cache moves
  freeform_tags  = var.tags
}

data "oci_objectstorage_namespace" "this" {
  compartment_id = var.compartment_id
}
