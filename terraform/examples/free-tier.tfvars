# Free of charge: one node of 2 OCPU and 12 GB with Kafka and PostgreSQL, 150 GB of disks, and the free load balancer.
#
#   export TF_VAR_tenancy_id=ocid1.tenancy.oc1..…
#   export TF_VAR_operator_cidrs='["203.0.113.7/32"]'          # your own address
#   export TF_VAR_image_registry=ghcr.io/OWNER/taskflow
#   terraform apply -var-file=examples/free-tier.tfvars -var-file=image-digests.tfvars.json

region         = "eu-frankfurt-1" # your home region
stay_free      = true
kafka          = "strimzi"
database       = "cluster"
node_count     = 1
node_ocpus     = 2
node_memory_gb = 12
boot_volume_gb = 50

time_zone = "Europe/Berlin" # the user's
