# Oracle's responses in the tests: a tenancy whose home region is Frankfurt.

mock_data "oci_identity_region_subscriptions" {
  defaults = {
    region_subscriptions = [
      { is_home_region = true, region_key = "FRA", region_name = "eu-frankfurt-1", state = "READY", tenancy_id = "ocid1.tenancy.oc1..t" },
      { is_home_region = false, region_key = "AMS", region_name = "eu-amsterdam-1", state = "READY", tenancy_id = "ocid1.tenancy.oc1..t" },
    ]
  }
}

mock_data "oci_identity_availability_domains" {
  defaults = {
    availability_domains = [
      { compartment_id = "c", id = "1", name = "Uocm:EU-FRANKFURT-1-AD-1" },
      { compartment_id = "c", id = "2", name = "Uocm:EU-FRANKFURT-1-AD-2" },
      { compartment_id = "c", id = "3", name = "Uocm:EU-FRANKFURT-1-AD-3" },
    ]
  }
}

mock_data "oci_core_services" {
  defaults = {
    services = [{
      cidr_block  = "all-fra-services-in-oracle-services-network"
      description = "All FRA Services In Oracle Services Network"
      id          = "ocid1.service.oc1..s"
      name        = "All FRA Services In Oracle Services Network"
    }]
  }
}

mock_data "oci_containerengine_cluster_option" {
  defaults = {
    kubernetes_versions = ["v1.34.2", "v1.35.2", "v1.35.20"]
  }
}

mock_data "oci_containerengine_node_pool_option" {
  defaults = {
    sources = [
      { image_id = "old", source_name = "Oracle-Linux-8.10-aarch64-2026.04.30-3-OKE-1.35.2-1462", source_type = "IMAGE" },
      { image_id = "new", source_name = "Oracle-Linux-8.10-aarch64-2026.06.15-0-OKE-1.35.2-1505", source_type = "IMAGE" },
      { image_id = "intel", source_name = "Oracle-Linux-8.10-2026.10.30-0-OKE-1.35.2-1600", source_type = "IMAGE" },
      { image_id = "other", source_name = "Oracle-Linux-8.10-aarch64-2026.10.30-0-OKE-1.35.20-1600", source_type = "IMAGE" },
    ]
  }
}

mock_data "oci_limits_resource_availability" {
  defaults = {
    available = "48"
    used      = "0"
  }
}

mock_data "oci_limits_limit_values" {
  defaults = {
    limit_values = [
      { availability_domain = "", name = "nat-gateway-count", scope_type = "REGION", value = "1" },
      { availability_domain = "", name = "service-gateway-count", scope_type = "REGION", value = "1" },
      { availability_domain = "", name = "cluster-count", scope_type = "REGION", value = "15" },
      { availability_domain = "", name = "drg-count", scope_type = "REGION", value = "0" },
    ]
  }
}

mock_data "oci_objectstorage_namespace" {
  defaults = {
    namespace = "frspace"
  }
}

mock_data "oci_containerengine_cluster_kube_config" {
  defaults = {
    content = <<-YAML
      apiVersion: v1
      kind: Config
      clusters:
        - name: cluster
          cluster:
            server: https://203.0.113.20:6443
            certificate-authority-data: Y2E=
    YAML
  }
}

mock_resource "oci_core_public_ip" {
  defaults = {
    ip_address = "203.0.113.10"
  }
}

mock_resource "oci_core_network_security_group" {
  defaults = {
    id = "ocid1.networksecuritygroup.oc1..g"
  }
}

# A rule has either a source or a destination; the provider computes the other.
mock_resource "oci_core_network_security_group_security_rule" {
  defaults = {
    destination      = ""
    destination_type = ""
    source_type      = ""
  }
}

mock_resource "oci_containerengine_cluster" {
  defaults = {
    id = "ocid1.cluster.oc1..c"
  }
}

mock_resource "oci_core_compute_capacity_report" {
  defaults = {
    shape_availabilities = {
      availability_status = "AVAILABLE"
    }
  }
}

mock_resource "oci_objectstorage_preauthrequest" {
  defaults = {
    access_uri = "/p/secret/n/frspace/b/taskflow-backups/o/"
  }
}
