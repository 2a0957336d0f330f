# Every rule that tflint has for the language itself.
plugin "terraform" {
  enabled = true
  preset  = "all"
}
