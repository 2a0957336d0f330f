output "urls" {
  description = "Function URL of each function. Call it as curl --aws-sigv4 aws:amz:REGION:lambda --user KEY:SECRET URL."
  value       = { for name, url in aws_lambda_function_url.this : name => url.function_url }
}

output "caller_policy_arn" {
  description = "Policy that lets its holder call the functions."
  value       = aws_iam_policy.caller.arn
}
