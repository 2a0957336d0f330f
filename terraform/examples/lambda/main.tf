# Taskflow's REST functions on AWS Lambda, each with a function URL: the same programs, zipped by `just lambda`. A URL answers only callers that IAM
# allows; nothing here is public.
#
# A function here has no Dapr. Its events and the jobs of reminders wait in the database's outbox until the `publish-events` of a deployment in a
# cluster that shares the database sends them. There is no WebSocket.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = merge(var.tags, { project = "taskflow", environment = var.name, managed-by = "terraform" })
  }
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:encrypted with AWS's key; a customer-managed key is billed by the month
  #checkov:skip=CKV_AWS_338:how long logs are kept is a variable; a year of them is billed
  for_each = var.functions

  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.log_retention_days
}

# One role per function, which may only write its own log.
data "aws_iam_policy_document" "log" {
  for_each = var.functions

  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this[each.key].arn}:*"]
  }
}

resource "aws_iam_role" "this" {
  for_each = var.functions

  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "log" {
  for_each = var.functions

  name   = "log"
  role   = aws_iam_role.this[each.key].id
  policy = data.aws_iam_policy_document.log[each.key].json
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:traces leave over OTLP, by the program itself
  #checkov:skip=CKV_AWS_115:concurrency is a variable; accounts whose limit is 10 may reserve nothing
  #checkov:skip=CKV_AWS_116:nothing here calls a function but its URL, which is answered at once; there is no event to lose
  #checkov:skip=CKV_AWS_117:the database is reached over the internet with TLS; inside a VPC that would take a NAT gateway, billed by the hour
  #checkov:skip=CKV_AWS_173:encrypted with AWS's key; a customer-managed key is billed by the month
  #checkov:skip=CKV_AWS_272:packages come from this very apply
  for_each = var.functions

  function_name                  = "${var.name}-${each.key}"
  role                           = aws_iam_role.this[each.key].arn
  filename                       = "${var.packages}/${each.key}/bootstrap.zip"
  source_code_hash               = try(filebase64sha256("${var.packages}/${each.key}/bootstrap.zip"), null)
  handler                        = "bootstrap"
  runtime                        = "provided.al2023"
  architectures                  = ["arm64"]
  memory_size                    = 128
  timeout                        = 15
  reserved_concurrent_executions = var.concurrency

  environment {
    variables = merge(var.settings, {
      DATABASE_URL     = var.database_url
      TASKFLOW_DB_POOL = "1" # a Lambda instance answers one call at a time
    })
  }

  lifecycle {
    precondition {
      condition     = fileexists("${var.packages}/${each.key}/bootstrap.zip")
      error_message = "${var.packages}/${each.key}/bootstrap.zip is missing: build it with `just lambda ${each.key}`, or take ${each.key} out of functions."
    }
  }

  depends_on = [aws_iam_role_policy.log]
}

resource "aws_lambda_function_url" "this" {
  for_each = var.functions

  function_name      = aws_lambda_function.this[each.key].function_name
  authorization_type = "AWS_IAM"
}

# For the callers: attach it to a user, a group or a role.
data "aws_iam_policy_document" "caller" {
  statement {
    actions   = ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"]
    resources = [for function in aws_lambda_function.this : function.arn]
  }
}

resource "aws_iam_policy" "caller" {
  name        = "${var.name}-caller"
  description = "May call every function of ${var.name}"
  policy      = data.aws_iam_policy_document.caller.json
}
