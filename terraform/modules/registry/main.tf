# A repository in Oracle's registry for each image, for those who want their images there. Public, because nodes then pull without a
# stored credential, and the images hold nothing but published code. Storage is billed beyond the free object storage.

resource "oci_artifacts_container_repository" "this" {
  for_each = var.images

  compartment_id = var.compartment_id
  display_name   = "${var.name}/${each.key}"
  is_public      = true
  is_immutable   = false # the build cache has a tag that moves
  freeform_tags  = var.tags
}

data "oci_objectstorage_namespace" "this" {
  compartment_id = var.compartment_id
}
