# Both modules together: the stack, and a terminate hook for a group that exists.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

provider "aws" {
  region = var.region
}

variable "region" {
  description = "The Region. A stack answers the hooks of its own Region."
  type        = string
}

variable "bucket" {
  description = "Name of a bucket in this Region, which `sam package` has put the function into."
  type        = string
}

variable "group" {
  description = "Name of the Auto Scaling group whose instances are drained."
  type        = string
  default     = "web"
}

variable "parameters" {
  description = "Parameters of the stack that are not to have their defaults, such as { EcsSteps = \"on\" }."
  type        = map(string)
  default     = {}
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

module "asg_lifecycle" {
  source = "./deploy"

  bucket            = var.bucket
  packaged_template = "${path.module}/../../packaged.yaml"
  parameters        = var.parameters
}

module "hooks" {
  source = "./hooks"

  stack = module.asg_lifecycle.name
  plans = {
    web = { name = "web", transition = "terminate", file = "${path.module}/../../plans/web-service.yaml" }
  }
  hooks = {
    web = { group = var.group, transition = "terminate", plan = "web" }
  }
}

# For the role of instances that signal, as examples/on-instance/policy.json.
data "aws_iam_policy_document" "signals" {
  statement {
    sid       = "SignalLifecycleActions"
    actions   = ["events:PutEvents"]
    resources = ["arn:${data.aws_partition.current.partition}:events:${var.region}:${data.aws_caller_identity.current.account_id}:event-bus/default"]

    condition {
      test     = "StringEquals"
      variable = "events:source"
      values   = ["asg-lifecycle.signal"]
    }
    condition {
      test     = "StringEquals"
      variable = "events:detail-type"
      values   = ["Lifecycle Signal"]
    }
  }
}

output "operator_policy" {
  description = "ARN of the policy for people who act with asg-lifecycle, to be attached to their role."
  value       = lookup(module.asg_lifecycle.outputs, "OperatorPolicyArn", null)
}

output "signals_policy" {
  description = "Policy for the role of instances that signal."
  value       = data.aws_iam_policy_document.signals.json
}
