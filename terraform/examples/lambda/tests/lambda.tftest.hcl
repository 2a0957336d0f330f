# Lambda: nothing is public, and each function has few rights.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
    }
  }
}

variables {
  region       = "eu-central-1"
  database_url = "postgres://db"
  functions    = ["complete-task"]
  packages     = "./tests/packages"
}

run "private" {
  command = plan

  assert {
    condition     = alltrue([for url in aws_lambda_function_url.this : url.authorization_type == "AWS_IAM"])
    error_message = "A function URL requires IAM authentication."
  }

  assert {
    condition     = aws_lambda_function.this["complete-task"].runtime == "provided.al2023" && aws_lambda_function.this["complete-task"].architectures == tolist(["arm64"]) && aws_lambda_function.this["complete-task"].memory_size == 128
    error_message = "The program runs unchanged, on arm64, in the smallest memory."
  }

  assert {
    condition     = nonsensitive(aws_lambda_function.this["complete-task"].environment[0].variables["TASKFLOW_DB_POOL"]) == "1"
    error_message = "An instance holds one connection."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this["complete-task"].retention_in_days == 7
    error_message = "Logs expire."
  }

  assert {
    condition     = toset(data.aws_iam_policy_document.log["complete-task"].statement[0].actions) == toset(["logs:CreateLogStream", "logs:PutLogEvents"]) && length(data.aws_iam_policy_document.log["complete-task"].statement) == 1
    error_message = "A function may write its log, and nothing else."
  }

  assert {
    condition     = toset(data.aws_iam_policy_document.caller.statement[0].actions) == toset(["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"])
    error_message = "The policy allows calls of the functions, and nothing else."
  }
}

run "bad_input" {
  command = plan

  variables {
    region             = "Frankfurt"
    name               = "Task flow"
    functions          = ["complete-tusk"]
    settings           = { DATABASE_URL = "postgres://other" }
    concurrency        = 1.5
    log_retention_days = 2
  }

  expect_failures = [var.region, var.name, var.functions, var.settings, var.concurrency, var.log_retention_days]
}

run "not_built" {
  command = plan

  variables {
    packages = "./nowhere"
  }

  expect_failures = [aws_lambda_function.this]
}

run "what_holds_connections" {
  command = plan

  variables {
    functions = ["gateway"]
  }

  expect_failures = [var.functions]
}

run "no_database" {
  command = plan

  variables {
    database_url = ""
  }

  expect_failures = [var.database_url]
}
