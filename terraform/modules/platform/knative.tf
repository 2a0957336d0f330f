# Knative Serving and its ingress Kourier, laid out by Knative's operator.

resource "helm_release" "knative_operator" {
  name       = "knative-operator"
  namespace  = local.namespace["knative-operator"]
  repository = "https://knative.github.io/operator"
  chart      = "knative-operator"
  version    = "v${var.versions.knative_operator}"

  values = [yamlencode({
    knative_operator = {
      knative_operator = { resources = merge(local.resources["knative-operator"], { limits = { cpu = "1", memory = "512Mi" } }) }
      operator_webhook = { resources = merge(local.resources["knative-operator-webhook"], { limits = { cpu = "500m", memory = "256Mi" } }) }
    }
  })]
}

resource "helm_release" "knative_serving" {
  name      = "knative-serving"
  namespace = local.namespace["knative-serving"]
  chart     = "${local.charts}/resources"
  wait      = true # a destroy, too, waits until the operator has taken everything down

  values = [yamlencode({ manifests = [{
    apiVersion = "operator.knative.dev/v1beta1"
    kind       = "KnativeServing"
    metadata   = { name = "knative-serving", namespace = local.namespace["knative-serving"] }
    spec = {
      version           = var.versions.knative_serving
      high-availability = { replicas = 1 }
      ingress           = { kourier = { enabled = true, service-type = "ClusterIP" } } # the way in from outside is in ingress.tf
      config = {
        network = {
          ingress-class                    = "kourier.ingress.networking.knative.dev"
          certificate-class                = "cert-manager.certificate.networking.knative.dev"
          external-domain-tls              = "Enabled"
          http-protocol                    = "Redirected"
          autocreate-cluster-domain-claims = "true"
          domain-template                  = "{{.Name}}.{{.Domain}}" # one namespace only, so no name is taken twice
        }
        domain      = { (var.hostname) = "" }
        certmanager = { issuerRef = yamlencode({ kind = "ClusterIssuer", name = local.issuer }) }
      }
      workloads = [for name, container in {
        activator                = "activator"
        autoscaler               = "autoscaler"
        autoscaler-hpa           = "autoscaler-hpa" # the operator brings it along, used or not
        controller               = "controller"
        webhook                  = "webhook"
        net-kourier-controller   = "controller"
        "3scale-kourier-gateway" = "kourier-gateway"
        } : {
        name      = name
        resources = [merge({ container = container }, local.resources[name])]
      }]
    }
  }] })]

  depends_on = [helm_release.knative_operator, helm_release.issuer]
}

# The operator answers at once and works on. What comes next needs Knative's types.
resource "terraform_data" "knative_ready" {
  triggers_replace = [helm_release.knative_serving.values, helm_release.knative_operator.version]

  provisioner "local-exec" {
    command = "${local.cluster} kubectl wait knativeserving/knative-serving --namespace knative-serving --for=condition=Ready --timeout=15m"
    environment = {
      CLUSTER_KUBECONFIG = var.kubeconfig
    }
  }
}
