variable "name" {
  description = "Name of the stack. Plans are found under it."
  type        = string
  default     = "asg-lifecycle"
}

variable "bucket" {
  description = "Name of a bucket in this Region, which `sam package` has put the function into."
  type        = string
}

variable "packaged_template" {
  description = "Path of the file that `sam package --output-template-file` has written."
  type        = string
}

variable "parameters" {
  description = "Parameters of the stack that are not to have their defaults, such as { EcsSteps = \"on\" }; docs/parameters.md has all."
  type        = map(string)
  default     = {}
}

variable "iam_role_arn" {
  description = "Role with which CloudFormation makes the stack; without one it has the permissions of whoever applies."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the stack, which CloudFormation puts on everything in it."
  type        = map(string)
  default     = {}
}

variable "notification_arns" {
  description = "Topics that CloudFormation tells of changes of the stack."
  type        = list(string)
  default     = []
}
