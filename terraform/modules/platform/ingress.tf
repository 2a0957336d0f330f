# The way in from outside: one network load balancer on the reserved address, in front of Kourier; certificates by cert-manager.

locals {
  issuer = "letsencrypt"
}

resource "helm_release" "cert_manager" {
  name       = "cert-manager"
  namespace  = local.namespace["cert-manager"]
  repository = "https://charts.jetstack.io"
  chart      = "cert-manager"
  version    = "v${var.versions.cert_manager}"

  values = [yamlencode({
    crds       = { enabled = true, keep = false }
    resources  = local.resources["cert-manager"]
    webhook    = { resources = local.resources["cert-manager-webhook"] }
    cainjector = { resources = local.resources["cert-manager-cainjector"] }
    prometheus = { enabled = false }
  })]
}

resource "helm_release" "issuer" {
  name      = local.issuer
  namespace = local.namespace["cert-manager"]
  chart     = "${local.charts}/resources"

  # Knative sees to it that the challenge is answered, whatever class the solver names.
  values = [yamlencode({ manifests = [{
    apiVersion = "cert-manager.io/v1"
    kind       = "ClusterIssuer"
    metadata   = { name = local.issuer }
    spec = { acme = merge(
      {
        server              = var.acme_server
        privateKeySecretRef = { name = "${local.issuer}-account" }
        solvers = [{ http01 = { ingress = {
          ingressClassName = "kourier.ingress.networking.knative.dev"
          serviceType      = "ClusterIP"
        } } }]
      },
      var.acme_email == null ? {} : { email = var.acme_email },
    ) }
  }] })]

  depends_on = [helm_release.cert_manager]
}

# A resource of its own, not Kourier's: the plan shows it, and a destroy waits until the load balancer is gone.
resource "kubernetes_service_v1" "public" {
  wait_for_load_balancer = true

  metadata {
    name      = "public"
    namespace = local.namespace["knative-serving"]
    labels    = var.labels
    annotations = {
      "oci.oraclecloud.com/load-balancer-type"                                   = "nlb" # free of charge; passes TLS on as it is
      "oci.oraclecloud.com/security-rule-management-mode"                        = "None"
      "oci-network-load-balancer.oraclecloud.com/security-list-management-mode"  = "None"
      "oci-network-load-balancer.oraclecloud.com/subnet"                         = var.load_balancer.subnet_id
      "oci-network-load-balancer.oraclecloud.com/oci-network-security-groups"    = var.load_balancer.security_group_id
      "oci-network-load-balancer.oraclecloud.com/initial-freeform-tags-override" = jsonencode(var.tags)
    }
  }

  spec {
    type             = "LoadBalancer"
    load_balancer_ip = var.load_balancer.address
    selector         = { app = "3scale-kourier-gateway" }

    # Cluster: the node then sees the load balancer's address instead of anybody's, and its security group needs to know no other.
    external_traffic_policy = "Cluster"

    port {
      name        = "http"
      port        = 80
      target_port = 8080
      node_port   = var.load_balancer.node_ports.http
    }

    port {
      name        = "https"
      port        = 443
      target_port = 8443
      node_port   = var.load_balancer.node_ports.https
    }
  }
}
