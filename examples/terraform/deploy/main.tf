# The stack of asg-lifecycle in one Region, from the template that `sam package` has written.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

data "aws_s3_bucket" "templates" {
  bucket = var.bucket
}

# Too large to be passed on as text. Named after what is in it, so that another template updates the stack.
resource "aws_s3_object" "template" {
  bucket = data.aws_s3_bucket.templates.id
  key    = "${var.name}/${filesha256(var.packaged_template)}.yaml"
  source = var.packaged_template
  tags   = var.tags

  lifecycle {
    # The stack reads the new one before the old one goes.
    create_before_destroy = true
  }
}

resource "aws_cloudformation_stack" "this" {
  # checkov:skip=CKV_AWS_124: Which topics are told is for who uses the module to say, see notification_arns.
  name         = var.name
  template_url = "https://${data.aws_s3_bucket.templates.bucket_regional_domain_name}/${aws_s3_object.template.key}"
  parameters   = var.parameters
  tags         = var.tags
  iam_role_arn = var.iam_role_arn
  # Topics that are told of changes of the stack itself.
  notification_arns = var.notification_arns
  # It makes roles, and CloudFormation expands SAM's resources.
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]

  lifecycle {
    # Without the stack nobody answers the hooks: instances wait until the hooks' timeouts. Another name would be
    # another stack, and is refused likewise.
    prevent_destroy = true
  }
}
