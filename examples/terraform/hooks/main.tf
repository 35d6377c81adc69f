# Lifecycle hooks for Auto Scaling groups that exist, and the plans that their actions follow.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

locals {
  transitions = {
    launch    = "autoscaling:EC2_INSTANCE_LAUNCHING"
    terminate = "autoscaling:EC2_INSTANCE_TERMINATING"
  }
}

resource "aws_ssm_parameter" "plan" {
  # checkov:skip=CKV2_AWS_34: A plan holds no secret, and everybody who looks with asg-lifecycle reads it.
  for_each = var.plans

  name = "/asg-lifecycle/${var.stack}/plans/${each.value.transition}/${each.value.name}"
  type = "String"
  # The same files that `asg-lifecycle plan check` reads.
  value = jsonencode(yamldecode(file(each.value.file)))
}

resource "aws_autoscaling_lifecycle_hook" "this" {
  for_each = var.hooks

  name                    = "${var.hook_name_prefix}-${each.value.transition}"
  autoscaling_group_name  = each.value.group
  lifecycle_transition    = local.transitions[each.value.transition]
  heartbeat_timeout       = each.value.heartbeat_timeout
  default_result          = each.value.default_result
  notification_metadata   = each.value.plan == null ? null : jsonencode({ plan = each.value.plan })
  notification_target_arn = each.value.notification_target_arn
  role_arn                = each.value.role_arn

  # An instance may come to the hook the moment it exists: its plan has to be there before.
  depends_on = [aws_ssm_parameter.plan]
}
