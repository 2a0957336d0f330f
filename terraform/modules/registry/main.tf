# A repository in Oracle's registry for each image, if images should be there. Public, so that nodes pull without a stored credential; the images only
# contain published code. Storage is billed beyond the free object storage.

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
