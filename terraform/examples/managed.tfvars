# Kafka and PostgreSQL as managed services: Redpanda Serverless, billed by the hour while it has topics, and Neon, free for this size. The cluster
# then stores no data: the scheduler's jobs are registered again from the database.
#
#   export TF_VAR_tenancy_id=… TF_VAR_operator_cidrs=… TF_VAR_image_registry=…      as in free-tier.tfvars
#   export TF_VAR_redpanda_client_id=… TF_VAR_redpanda_client_secret=… TF_VAR_neon_api_key=…
#   terraform apply -var-file=examples/managed.tfvars -var-file=image-digests.tfvars.json

region          = "eu-frankfurt-1"
stay_free       = false
kafka           = "redpanda"
redpanda_region = "eu-central-1"
database        = "neon"
neon_region     = "aws-eu-central-1"
node_count      = 1
node_ocpus      = 2
node_memory_gb  = 12
boot_volume_gb  = 50

time_zone = "Europe/Berlin" # the user's
