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
  # More than 4 KB need the advanced tier, which is paid for.
  tier = "Intelligent-Tiering"
  # The same files that `asg-lifecycle plan check` reads. As `value`, Terraform would hide what changes in a plan.
  insecure_value = jsonencode(yamldecode(file(each.value.file)))
  tags           = var.tags
}

# The provider would put the hook on the other group, and leave the one there is.
resource "terraform_data" "group" {
  for_each = var.hooks

  input = each.value.group
}

resource "aws_autoscaling_lifecycle_hook" "this" {
  for_each = var.hooks

  name                   = "${var.hook_name_prefix}-${coalesce(each.value.suffix, each.value.transition)}"
  autoscaling_group_name = each.value.group
  lifecycle_transition   = local.transitions[each.value.transition]
  heartbeat_timeout      = each.value.heartbeat_timeout
  default_result         = each.value.default_result
  # Without any the provider would leave the plan that the hook has had.
  notification_metadata   = jsonencode({ for name in ["plan"] : name => each.value.plan if each.value.plan != null })
  notification_target_arn = each.value.notification_target_arn
  role_arn                = each.value.role_arn

  # An instance may come to the hook the moment it exists: its plan has to be there before.
  depends_on = [aws_ssm_parameter.plan]

  lifecycle {
    replace_triggered_by = [terraform_data.group[each.key]]
  }
}
