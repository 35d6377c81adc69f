variable "stack" {
  description = "Name of the stack of asg-lifecycle in this Region."
  type        = string
  default     = "asg-lifecycle"
}

variable "hook_name_prefix" {
  description = "What the stack's HookNamePrefix says. Hooks with other names are not answered."
  type        = string
  default     = "asg-lifecycle"
}

variable "plans" {
  description = "Plans to keep for the hooks, each under a key of yours: the name, launch or terminate, and the plan's file."
  type = map(object({
    name       = string
    transition = string
    file       = string
  }))
  default = {}

  validation {
    condition     = alltrue([for plan in values(var.plans) : contains(["launch", "terminate"], plan.transition)])
    error_message = "The transition of a plan is launch or terminate."
  }
}

variable "hooks" {
  description = <<-EOT
    Hooks to add, each under a key of yours. Without a plan an action follows the plan with the name of its group, if
    there is one. The hook's name is the prefix and the suffix, which is the transition where none is given. A
    notification target is an output of the stack that was deployed with Notifications=on; queue and topic need the role.
  EOT
  type = map(object({
    group                   = string
    transition              = string
    suffix                  = optional(string)
    plan                    = optional(string)
    heartbeat_timeout       = optional(number, 900)
    default_result          = optional(string, "ABANDON")
    notification_target_arn = optional(string)
    role_arn                = optional(string)
  }))

  validation {
    condition     = alltrue([for hook in values(var.hooks) : contains(["launch", "terminate"], hook.transition)])
    error_message = "The transition of a hook is launch or terminate."
  }
  validation {
    # Shorter, and an event that is lost could not be found in time.
    condition     = alltrue([for hook in values(var.hooks) : hook.heartbeat_timeout >= 600 && hook.heartbeat_timeout <= 7200])
    error_message = "The heartbeat timeout of a hook is 600 to 7200 seconds."
  }
  validation {
    condition     = alltrue([for hook in values(var.hooks) : contains(["ABANDON", "CONTINUE"], hook.default_result)])
    error_message = "The default result of a hook is ABANDON or CONTINUE."
  }
  validation {
    # The plan would be carried out for each of them.
    condition     = length(distinct([for hook in values(var.hooks) : "${hook.transition} ${hook.group}"])) == length(var.hooks)
    error_message = "A group has one hook for each transition."
  }
}

variable "tags" {
  description = "Tags of the plans' parameters. Hooks have none."
  type        = map(string)
  default     = {}
}
