# Redpanda Cloud's responses in the tests.

mock_resource "redpanda_serverless_cluster" {
  defaults = {
    dataplane_api = { url = "https://api.example.fmc.cloud.redpanda.com" }
    kafka_api     = { seed_brokers = ["seed.example.fmc.prd.cloud.redpanda.com:9092"] }
  }
}
