# Enables all of tflint's rules for the language itself.
plugin "terraform" {
  enabled = true
  preset  = "all"
}
